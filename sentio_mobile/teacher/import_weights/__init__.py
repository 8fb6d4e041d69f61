"""Import vision transformers that other projects trained: read as data, and mapped to ours name by name."""

from sentio_mobile.teacher.import_weights.teacher import (
    Backbone,
    Imported,
    ImportSource,
    backbone_of,
    import_teacher,
    read_backbone,
)

__all__ = ["Backbone", "ImportSource", "Imported", "backbone_of", "import_teacher", "read_backbone"]
