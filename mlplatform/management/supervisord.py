"""supervisord as `manage.py run` starts it: it ends with the command, and its programs end with it."""

from supervisor import supervisord

from mlplatform.resilience import parent_process

if __name__ == "__main__":
    parent_process.end_with_parent()
    parent_process.announce()
    supervisord.main()
