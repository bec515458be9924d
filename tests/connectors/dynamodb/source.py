"""The table on DynamoDB: an item for every row."""
import importlib.util
import pathlib

NEEDS = "ROWHOUSE_TEST_DYNAMODB"
SPEC = importlib.util.spec_from_file_location("rowhouse_dynamodb", pathlib.Path(__file__).with_name("dynamodb.py"))
dynamodb = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(dynamodb)


def make(name, rows, folder):
    dynamodb.make_table(name, rows, code="S")
    return {"config": dynamodb.settings(), "filled": True}
