"""Import vision transformers that other projects trained: read as data, and mapped to ours name by name."""

from sentio_mobile.teacher.import_weights.teacher import Imported, ImportSource, import_teacher, read_backbone

__all__ = ["ImportSource", "Imported", "import_teacher", "read_backbone"]
