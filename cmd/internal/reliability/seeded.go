package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A target counts only if it notices a server that has the fault it is about. The
// faults are in no source file of the product: they are changes of its text that
// the compiler reads in its place, by -overlay, for a build of their own. The
// environment variable faultEnv says which one such a build has.
const (
	faultEnv  = "ROWAN_FAULT"
	faultPath = "internal/seeded"
)

// seededPackage is what the changes ask. It is part of no other build.
const seededPackage = `// Package seeded says which fault a build for controls has.
package seeded

import (
	"os"
	"sync/atomic"
	"time"
)

var name = os.Getenv("` + faultEnv + `")

// On reports whether the fault is there.
func On(fault string) bool { return name == fault }

// Pause takes long enough to be killed in.
func Pause() { time.Sleep(150 * time.Millisecond) }

var steps atomic.Int64

// Stall takes 20 ms every thousand times.
func Stall() {
	if steps.Add(1)%1000 == 0 {
		time.Sleep(20 * time.Millisecond)
	}
}

var leaked [][]byte

// Leak keeps memory.
func Leak(n int) { b := make([]byte, n); for i := range b { b[i] = 1 }; leaked = append(leaked, b) }
`

// fault is a seeded fault: the target that is to notice it, and changes of the
// source. Each old text must stand in its file once.
type fault struct {
	name, target string
	changes      []change
}

type change struct{ file, old, new string }

// faults are all there are.
func faults() []fault {
	one := func(name, target, file, old, new string) fault {
		return fault{name, target, []change{{file, old, new}}}
	}
	on := func(name string) string { return fmt.Sprintf("seeded.On(%q)", name) }
	return []fault{
		one("any-session", "L2", "identity/sessioncache.go", "	e, ok := c.byHash[name.hash]\n	if !ok {\n		c.misses.Add(1)\n		return nil\n	}\n",
			"	if "+on("any-session")+" && c.recent.Len() > 0 {\n		return c.recent.Front().Value.(*cachedSession).session\n	}\n	e, ok := c.byHash[name.hash]\n	if !ok {\n		c.misses.Add(1)\n		return nil\n	}\n"),
		one("half-swap", "L3", "cmd/internal/decide/answer.go", "		of := q.GetSubject()\n		if of == nil {\n			of = in.GetSubject()\n		}\n		r := &b.results[i]\n",
			"		if "+on("half-swap")+" {\n			if i == n/2 {\n				seeded.Pause()\n			}\n			if x, err := s.inForce(s.now); err == nil && x != b.force {\n				b.free()\n				b.force = x\n			}\n		}\n		of := q.GetSubject()\n		if of == nil {\n			of = in.GetSubject()\n		}\n		r := &b.results[i]\n"),
		one("stale-index", "L3", "cmd/internal/server/deployment.go", "	if now := o.Now(); d.Expired(now) {\n",
			"	if "+on("stale-index")+" && before != nil && before.Account != nil {\n		d.Account = before.Account\n	}\n	if now := o.Now(); d.Expired(now) {\n"),
		one("no-admission", "L4", "cmd/internal/rpc/admission.go", "	for {\n		used := a.used.Load()\n",
			"	for {\n		if "+on("no-admission")+" {\n			return nil\n		}\n		used := a.used.Load()\n"),
		one("full-forgives", "L5", "identity/sessions.go", "	case known.revoked(session.opened.names, session.IssuedAt.Unix()):\n",
			"	case known.revoked(session.opened.names, session.IssuedAt.Unix()) && !("+on("full-forgives")+" && s.cache.recent.Len() >= s.cache.size):\n"),
		one("late-revocation", "R1", "identity/revocation.go", "	return s.Refresh(ctx)\n}\n\n// putRevocations",
			"	if "+on("late-revocation")+" {\n		return nil\n	}\n	return s.Refresh(ctx)\n}\n\n// putRevocations"),
		one("torn-version", "X1", "cmd/rowan/rollback.go", "	if err := write(h.file, append(text, '\\n')); err != nil {\n",
			"	if "+on("torn-version")+" && h.kept.Version != 0 {\n		_ = os.WriteFile(h.file, text[:len(text)/2], 0o600)\n		seeded.Pause()\n	}\n	if err := write(h.file, append(text, '\\n')); err != nil {\n"),
		one("unwritten", "X2", "cmd/internal/store/database.go", "	switch err := tx.sql.Commit(); {\n",
			"	if "+on("unwritten")+" && time.Now().UnixNano()%8 == 0 {\n		return false, nil\n	}\n	switch err := tx.sql.Commit(); {\n"),
		one("unsigned", "X3", "cmd/internal/archive/signature.go", "	switch {\n	case f.manifest == nil:\n		return \"\", refuse(\"unsigned\"",
			"	if "+on("unsigned")+" {\n		return \"any\", nil\n	}\n	switch {\n	case f.manifest == nil:\n		return \"\", refuse(\"unsigned\""),
		one("any-digest", "X3", "cmd/internal/archive/manifest.go", "	have := f.describe()\n	for i := 0; i < len(have) || i < len(m.Files); i++ {\n",
			"	have := f.describe()\n	for i := 0; !"+on("any-digest")+" && (i < len(have) || i < len(m.Files)); i++ {\n"),
		one("empty-set", "X3", "cmd/internal/server/deployment.go", "	if !b.AllowEmpty && len(b.Roles)", "	if !"+on("empty-set")+" && !b.AllowEmpty && len(b.Roles)"),
		one("rollback", "X3", "cmd/rowan/rollback.go", "	case d.Version < h.kept.Version:\n", "	case d.Version < h.kept.Version && !"+on("rollback")+":\n"),
		one("unremembered", "X4", "cmd/rowan/rollback.go", "		return fmt.Errorf(\"%s: %w\", h.file, cause(err))\n	}\n	h.kept = next\n",
			"		if !"+on("unremembered")+" {\n			return fmt.Errorf(\"%s: %w\", h.file, cause(err))\n		}\n	}\n	h.kept = next\n"),
		one("no-expiry", "X5", "identity/sessions.go", "	case !now.Before(session.Expires):\n", "	case !now.Before(session.Expires) && !"+on("no-expiry")+":\n"),
		one("from-the-future", "X5", "identity/sessions.go", "	case session.IssuedAt.After(now.Add(MaxClockSkew)):\n", "	case session.IssuedAt.After(now.Add(MaxClockSkew)) && !"+on("from-the-future")+":\n"),
		one("keys-for-ever", "X6", "identity/oidc/remote.go", "	if elapsed(now, r.fetched) >= r.maxStale {\n", "	if elapsed(now, r.fetched) >= r.maxStale && !"+on("keys-for-ever")+" {\n"),
		one("fetch-each-time", "X6", "identity/oidc/remote.go", "	return r.set, r.fetch(now, max(r.backOff(), unknownPause))\n}",
			"	if "+on("fetch-each-time")+" {\n		return r.set, r.fetch(now, 0)\n	}\n	return r.set, r.fetch(now, max(r.backOff(), unknownPause))\n}"),
		one("forgets-revocations", "X7", "identity/sessions.go", "	if err != nil {\n		return fmt.Errorf(\"reading revocations: %w\", err)\n",
			"	if err != nil {\n		if "+on("forgets-revocations")+" {\n			s.known.Store(nil)\n		}\n		return fmt.Errorf(\"reading revocations: %w\", err)\n"),
		one("never-stale", "X8", "identity/sessions.go", "	return known == nil || now.Before(known.asked)", "	if "+on("never-stale")+" {\n		return known == nil\n	}\n	return known == nil || now.Before(known.asked)"),
		one("no-drain", "X9", "cmd/internal/rpc/server.go", "	s.grpc.GracefulStop()\n", "	if "+on("no-drain")+" {\n		s.grpc.Stop()\n	}\n	s.grpc.GracefulStop()\n"),
		one("leak", "X10", "cmd/internal/rpc/server.go", "	s.read(ctx)\n", "	s.read(ctx)\n	if "+on("leak")+" {\n		seeded.Leak(64 << 10)\n	}\n"),
		one("patient", "X11", "cmd/internal/rpc/server.go", "		grpc.ConnectionTimeout(handshakeWithin),\n", "		grpc.ConnectionTimeout(map[bool]time.Duration{true: time.Hour, false: handshakeWithin}["+on("patient")+"]),\n"),
		one("backtracking", "X12", "conditions/pattern.go", "		case free >= 0 && freeAt < len(s):\n", "		case free >= 0 && freeAt < len(s):\n			if "+on("backtracking")+" {\n				seeded.Stall()\n			}\n"),
		one("anything-instead", "X13", "cmd/rowan/serve.go", "	first, err := b.read(ctx, true)\n	if err != nil {\n",
			"	first, err := b.read(ctx, true)\n	if err != nil && "+on("anything-instead")+" {\n		b.source, b.trusted = nil, nil\n		first, err = b.read(ctx, true)\n	}\n	if err != nil {\n"),
	}
}

// overlay writes what the compiler is to read instead of some files of the tree
// at root, into dir, and returns the file that says so.
func overlay(root, dir string, all []fault) (string, error) {
	texts := map[string]string{}
	for _, f := range all {
		for _, c := range f.changes {
			if _, ok := texts[c.file]; !ok {
				text, err := os.ReadFile(filepath.Join(root, c.file))
				if err != nil {
					return "", err
				}
				texts[c.file] = string(text)
			}
			if n := strings.Count(texts[c.file], c.old); n != 1 {
				return "", fmt.Errorf("the fault %s does not fit %s any more: its place is there %d times", f.name, c.file, n)
			}
			texts[c.file] = strings.Replace(texts[c.file], c.old, c.new, 1)
		}
	}
	replace := map[string]string{filepath.Join(root, faultPath, "seeded.go"): filepath.Join(dir, "seeded.go")}
	errs := []error{os.WriteFile(filepath.Join(dir, "seeded.go"), []byte(seededPackage), 0o600)}
	for file, text := range texts {
		at := filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		replace[filepath.Join(root, file)] = at
		begin := strings.Index(text, "\npackage ") + 1
		if strings.HasPrefix(text, "package ") {
			begin = 0
		}
		end := begin + strings.Index(text[begin:], "\n") + 1
		text = text[:end] + "\nimport \"github.com/rowan-authz/rowan/" + faultPath + "\"\n" + text[end:]
		errs = append(errs, os.WriteFile(at, []byte(text), 0o600))
	}
	out, err := json.Marshal(map[string]any{"Replace": replace})
	file := filepath.Join(dir, "overlay.json")
	return file, errors.Join(append(errs, err, os.WriteFile(file, out, 0o600))...)
}
