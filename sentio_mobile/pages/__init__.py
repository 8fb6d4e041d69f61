"""What the project's pages and pictures share: colours, a style sheet, and how they are written."""
