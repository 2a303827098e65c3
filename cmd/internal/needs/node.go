package needs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// minNode is the oldest Node.js that the SDKs of AWS support; nodePackage is
// the package of npm that has one, for a machine whose own is older.
const (
	minNode     = 20
	nodePackage = "node-linux-%s@22"
)

// NodeModules returns the path of a Node.js and a folder whose node_modules has
// what cmd/internal/e2e/js/package-lock.json says. Scripts go elsewhere, and
// find the packages with NODE_PATH or an import of the whole path.
func NodeModules(t testing.TB) (node, dir string) {
	t.Helper()
	found, err := nodeModules()
	if err != nil {
		missing(t, "Node.js with packages of npm", err.Error()+" (apt-get install nodejs npm)")
	}
	return found.node, found.modules
}

type nodeInstallation struct{ node, modules string }

var nodeModules = sync.OnceValues(func() (nodeInstallation, error) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return nodeInstallation{}, errors.New("no npm")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nodeInstallation{}, err
	}
	cache = filepath.Join(cache, "rowan")
	node, err := findNode(npm, cache)
	if err != nil {
		return nodeInstallation{}, err
	}
	lock, err := findUpwards(filepath.Join("internal", "e2e", "js", "package-lock.json"))
	if err != nil {
		return nodeInstallation{}, err
	}
	modules, err := installLocked(npm, cache, lock)
	return nodeInstallation{node, modules}, err
})

// findNode returns a Node.js that is new enough: the machine's, or one that npm
// installs into the cache.
func findNode(npm, cache string) (string, error) {
	if node, err := exec.LookPath("node"); err == nil && nodeMajor(node) >= minNode {
		return node, nil
	}
	arch, ok := map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
	if !ok || runtime.GOOS != "linux" {
		return "", fmt.Errorf("no Node.js of version %d", minNode)
	}
	pkg := fmt.Sprintf(nodePackage, arch)
	name, version, _ := strings.Cut(pkg, "@")
	dir, err := once(filepath.Join(cache, "node"+version), func(dir string) error {
		return run(dir, npm, "install", "--prefix", dir, "--ignore-scripts", "--no-audit", "--no-fund", pkg)
	})
	if err != nil {
		return "", err
	}
	node := filepath.Join(dir, "node_modules", name, "bin", "node")
	if nodeMajor(node) < minNode {
		return "", fmt.Errorf("%s does not run", node)
	}
	return node, nil
}

// nodeMajor returns the major version of a Node.js, 0 if it does not run.
func nodeMajor(node string) int {
	out, err := exec.CommandContext(context.Background(), node, "--version").Output()
	if err != nil {
		return 0
	}
	major, _, _ := strings.Cut(strings.TrimPrefix(string(out), "v"), ".")
	n, _ := strconv.Atoi(major)
	return n
}

// installLocked installs what a lock file says into a folder that is named by
// the file's content.
func installLocked(npm, cache, lock string) (string, error) {
	content, err := os.ReadFile(lock)
	if err != nil {
		return "", err
	}
	manifest, err := os.ReadFile(filepath.Join(filepath.Dir(lock), "package.json"))
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(append(content, manifest...))
	return once(filepath.Join(cache, "js", hex.EncodeToString(sum[:8])), func(dir string) error {
		if err := os.WriteFile(filepath.Join(dir, "package-lock.json"), content, 0o600); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "package.json"), manifest, 0o600); err != nil {
			return err
		}
		return run(dir, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	})
}

// once makes a folder if it is not there. Whoever makes it at the same time does
// not matter: it appears as a whole.
func once(dir string, fill func(dir string) error) (string, error) {
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o750); err != nil {
		return "", err
	}
	draft, err := os.MkdirTemp(parent, "draft-")
	if err != nil {
		return "", err
	}
	if err := fill(draft); err != nil {
		return "", errors.Join(err, os.RemoveAll(draft))
	}
	if err := os.Rename(draft, dir); err != nil {
		if _, found := os.Stat(dir); found != nil {
			return "", errors.Join(err, os.RemoveAll(draft))
		}
		return dir, os.RemoveAll(draft) // another was faster
	}
	return dir, nil
}

// findUpwards returns a file under the working directory or the nearest folder
// above it.
func findUpwards(name string) (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("no %s above the working directory", name)
		}
		dir = parent
	}
}

// run runs a command; its error has the end of what it said.
func run(dir, name string, args ...string) error {
	cmd := exec.CommandContext(context.Background(), name, args...)
	cmd.Dir = dir
	return output(cmd)
}

// output runs a command; its error has the end of what it said.
func output(cmd *exec.Cmd) error {
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", filepath.Base(cmd.Path), strings.Join(cmd.Args[1:], " "), err, out[max(0, len(out)-1000):])
	}
	return nil
}
