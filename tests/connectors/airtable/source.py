"""The table in an Airtable base: a scripted peer with its API."""
import importlib.util
import pathlib

spec = importlib.util.spec_from_file_location("airtable_client", pathlib.Path(__file__).with_name("client.py"))
client = importlib.util.module_from_spec(spec)
spec.loader.exec_module(client)

NEEDS = client.NEEDS
FIELDS = {
    "code": "singleLineText", "name": "singleLineText",
    "kind": ("singleSelect", {"choices": [{"name": n} for n in ("tool", "toy", "food", "new")]}),
    "price": ("number", {"precision": 2}), "stock": ("number", {"precision": 0}),
    "active": ("checkbox", {"icon": "check", "color": "greenBright"}),
    "added": ("dateTime", {"dateFormat": {"name": "iso"}, "timeFormat": {"name": "24hour"}, "timeZone": "utc"}),
}


def make(name, rows, folder):
    client.make_table(name, FIELDS, rows)
    return {"config": client.settings(), "filled": True}
