"""The JSON Schemas of the documentation: one for each record that stands on disk."""

import importlib
import importlib.util
import json

from sentio_mobile._internal.records import Record, json_schema
from sentio_mobile._internal.resources import ROOT


def test_schemas_of_records_on_disk_can_be_made() -> None:
    spec = importlib.util.spec_from_file_location("docs_pages", ROOT / "docs" / "hooks" / "pages.py")
    assert spec is not None
    assert spec.loader is not None
    pages = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pages)
    assert {"data.json", "checkpoint.json", "manifest.json", "bundle/evaluation.json"} <= pages.RECORDS.keys()
    for where in pages.RECORDS.values():
        module, name = where.split(":")
        kind = getattr(importlib.import_module(module), name)
        assert issubclass(kind, Record)
        schema = json.loads(json.dumps(json_schema(kind)))
        assert schema["$defs"][name]["additionalProperties"] is False
