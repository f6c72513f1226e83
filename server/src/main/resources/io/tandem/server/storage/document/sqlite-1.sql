CREATE TABLE documents (
    number INTEGER PRIMARY KEY,
    collection TEXT NOT NULL,
    id TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (collection, id)
);

CREATE TABLE lines (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    log TEXT NOT NULL,
    line TEXT NOT NULL
);

CREATE INDEX lines_by_log ON lines (log, number);
