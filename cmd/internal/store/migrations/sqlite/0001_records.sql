-- +goose Up
-- A version is applied once: a process that applies it beside another loses here, and all that it did with it.
CREATE UNIQUE INDEX rowan_versions_once ON rowan_versions (version_id);

CREATE TABLE records (
    kind    BLOB NOT NULL,
    key     BLOB NOT NULL,
    grp     BLOB NOT NULL,
    value   BLOB NOT NULL,
    expires INTEGER, -- microseconds since 1970
    PRIMARY KEY (kind, key)
);
CREATE INDEX records_by_group ON records (kind, grp, key);
CREATE INDEX records_by_expiry ON records (expires) WHERE expires IS NOT NULL;
