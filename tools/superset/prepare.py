"""Make the metadata database of a new Superset; its own Python runs this.

The password of its only user comes in the environment and goes nowhere else.
"""

import os

from flask_migrate import upgrade

from superset.app import create_app

password = os.environ.pop("SUPERSET_PASSWORD")
with create_app().app_context():
    from superset.extensions import appbuilder, security_manager

    upgrade()
    appbuilder.add_permissions(update_perms=True)
    security_manager.sync_role_definitions()
    role = security_manager.find_role("Admin")
    user = os.environ["SUPERSET_USER"]
    security_manager.add_user(user, "Shop", "Owner", f"{user}@localhost", role, password=password)
