-- +goose Up
-- A version is applied once: a process that applies it beside another loses here, and all that it did with it.
CREATE UNIQUE INDEX rowan_versions_once ON rowan_versions (version_id);

CREATE TABLE records (
    kind    BYTEA NOT NULL,
    key     BYTEA NOT NULL,
    grp     BYTEA NOT NULL,
    value   BYTEA NOT NULL,
    expires BIGINT, -- microseconds since 1970
    PRIMARY KEY (kind, key)
);
CREATE INDEX records_by_group ON records (kind, grp, key);
CREATE INDEX records_by_expiry ON records (expires) WHERE expires IS NOT NULL;
