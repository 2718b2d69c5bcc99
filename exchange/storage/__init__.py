"""Files and databases: journal, snapshots, images, history. Shell."""
