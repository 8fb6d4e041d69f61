"""What every room needs: files, progress, processes, records, pages. It imports no stage."""
