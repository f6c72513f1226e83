CREATE TABLE documents (
    collection TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (collection, id)
);

CREATE TABLE lines (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    log TEXT COLLATE "C" NOT NULL,
    line TEXT NOT NULL
);

CREATE INDEX lines_by_log ON lines (log, number);

CREATE TABLE owner (
    token TEXT NOT NULL
);
