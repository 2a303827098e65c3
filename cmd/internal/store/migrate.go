package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path"

	"github.com/pressly/goose/v3"
)

//go:embed migrations
var migrations embed.FS

// versionTable says which migrations were applied.
const versionTable = "rowan_versions"

// migrationsIn returns the migrations of a folder that is compiled in.
func migrationsIn(folder string) fs.FS {
	files, err := fs.Sub(migrations, path.Join("migrations", folder))
	if err != nil {
		return embed.FS{} // never: the name is valid; goose refuses an empty one
	}
	return files
}

// migrate brings the tables up to date, also beside other processes that do.
//
// Each migration is one transaction, at whose end its version is written. The
// first one makes versions unique: of two processes that apply the same one, the
// later fails at its end at the latest, undoes all of it, and finds it applied
// when it tries again. So no lock is needed, of which engines have different
// ones.
func migrate(ctx context.Context, db *sql.DB, dialect goose.Dialect, files fs.FS, log *slog.Logger) error {
	for n := 1; ; n++ {
		err := migrateOnce(ctx, db, dialect, files, log)
		if err == nil || n == maxOpeners || errors.Is(err, errNewer) || ctx.Err() != nil {
			return err
		}
		if err := pause(ctx, n); err != nil {
			return err
		}
	}
}

// errNewer means that a newer program has changed the tables.
var errNewer = errors.New("tables of a newer program")

// maxOpeners is how often one process may lose against others.
const maxOpeners = 8

func migrateOnce(ctx context.Context, db *sql.DB, dialect goose.Dialect, files fs.FS, log *slog.Logger) error {
	provider, err := goose.NewProvider(dialect, db, files, goose.WithTableName(versionTable),
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	applied, err := provider.Up(ctx)
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	for _, m := range applied {
		log.InfoContext(ctx, "migrated the store", "version", m.Source.Version)
	}
	current, known, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	if current > known {
		return fmt.Errorf("%w: version %d, this program knows %d", errNewer, current, known)
	}
	return nil
}
