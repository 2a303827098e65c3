package audit

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// VerifyOptions say what a log must be.
type VerifyOptions struct {
	// Keys are those that may have signed heads: at least one.
	Keys []ed25519.PublicKey
	// From is the number of the first line that must be there; zero means 1.
	From uint64
	// Growing says that the log is still written, so that its end may be missing.
	Growing bool
	// Anchor is a line that was seen elsewhere and must be there; the zero value
	// is none.
	Anchor Anchor
}

// Anchor is a line by its number and the SHA-256 of its bytes without newline.
type Anchor struct {
	Line uint64
	Hash [32]byte
}

// ParseAnchor reads LINE:HASH.
func ParseAnchor(text string) (Anchor, error) {
	digits, sum, _ := bytes.Cut([]byte(text), []byte(":"))
	var a Anchor
	if _, err := fmt.Sscanf(string(digits), "%d", &a.Line); err != nil || a.Line == 0 || len(sum) != 2*len(a.Hash) {
		return Anchor{}, fmt.Errorf("%q: want LINE:HASH", text)
	}
	if _, err := hex.Decode(a.Hash[:], sum); err != nil {
		return Anchor{}, fmt.Errorf("%q: want LINE:HASH", text)
	}
	return a, nil
}

// Problem is something that is wrong with a log.
type Problem struct {
	File string `json:"file"`
	// Line counts the lines of the file from 1; 0 is all of it. Seq is the number
	// that the line has in the chain, 0 for none.
	Line int    `json:"line"`
	Seq  uint64 `json:"seq,omitempty"`
	// Kind is altered, missing, moved, damaged, unsigned, forged, truncated,
	// chain or anchor.
	Kind string `json:"kind"`
	Text string `json:"text"`
}

// Report is what came of a log.
type Report struct {
	OK  bool   `json:"ok"`
	Log string `json:"log"`
	// First and Last are the numbers of the first and the last line, Hash is that
	// of the last.
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
	Hash  string `json:"hash"`
	// Signed is the number of the last head: what comes behind it is signed by
	// nobody yet.
	Signed  uint64 `json:"signed"`
	Records uint64 `json:"records"`
	Heads   uint64 `json:"heads"`
	// Skipped and Dropped are the decisions that heads say were not written.
	Skipped uint64 `json:"skipped"`
	Dropped uint64 `json:"dropped"`
	// Torn are lines that crashes left unfinished, and heads vouch for.
	Torn     int       `json:"torn"`
	Notes    []string  `json:"notes"`
	Problems []Problem `json:"problems"`
	// More problems there are than are listed.
	More int `json:"more,omitempty"`
}

// maxProblems is how many are listed.
const maxProblems = 100

// VerifyFiles verifies a log in files, which may be given in any order. The error
// is that of reading; what is wrong with the log is in the report.
func VerifyFiles(paths []string, o VerifyOptions) (*Report, error) {
	if len(o.Keys) == 0 {
		return nil, errors.New("a decision log is verified with a public key")
	}
	if o.From == 0 {
		o.From = 1
	}
	type part struct {
		path  string
		first uint64
	}
	var parts []part
	for _, p := range paths {
		first, err := firstOf(p)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part{p, first})
	}
	slices.SortStableFunc(parts, func(a, b part) int {
		if a.first < b.first {
			return -1
		}
		return min(1, int(min(a.first-b.first, 1)))
	})
	v := verifier{o: o, report: Report{Notes: []string{}, Problems: []Problem{}}}
	for _, p := range parts {
		if err := v.file(p.path); err != nil {
			return nil, err
		}
	}
	v.end()
	return &v.report, nil
}

// firstOf returns the number of the first line of a file, 0 if it has none.
func firstOf(path string) (uint64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }() // it was only read
	for r := newLines(io.LimitReader(f, 2*maxLine)); r.next(); {
		if seq, _, ok := parseLink(r.line); ok {
			return seq, nil
		}
	}
	return 0, nil
}

// verifier follows a chain.
type verifier struct {
	o      VerifyOptions
	report Report
	at     link
	// began says that a line was read. why is that of the last head; records are
	// the lines since then.
	began   bool
	why     string
	records uint64
	// rest is what is no line, at restLine of the file.
	rest     []byte
	restLine int
	path     string
	number   int
	// gone are numbers that were missing when their place was passed.
	gone map[uint64]int
	// seen says that the anchor was.
	seen bool
	// unended says that the last line lacks its newline.
	unended bool
	// lost says that a problem was found since the last good head.
	lost bool
}

func (v *verifier) problem(line int, seq uint64, kind, format string, args ...any) {
	v.lost = true
	if len(v.report.Problems) == maxProblems {
		v.report.More++
		return
	}
	v.report.Problems = append(v.report.Problems, Problem{v.path, line, seq, kind, fmt.Sprintf(format, args...)})
}

func (v *verifier) note(format string, args ...any) {
	v.report.Notes = append(v.report.Notes, fmt.Sprintf(format, args...))
}

func (v *verifier) file(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	v.path, v.number = path, 0
	r := newLines(f)
	for r.next() {
		v.number = r.number
		seq, prev, ok := parseLink(r.line)
		if !ok {
			v.unfinished(r)
			continue
		}
		v.line(r, seq, prev)
		if v.unended = !r.ended; v.unended && !v.o.Growing {
			v.problem(r.number, seq, "truncated", "the newline of the last line is missing")
		}
	}
	if r.err != nil {
		v.number = r.number + 1
		v.problem(v.number, 0, "damaged", "%v", r.err)
	}
	return nil
}

// unfinished takes in what is no line. A head must say of it that it is there.
func (v *verifier) unfinished(r *lines) {
	if len(v.rest) == 0 {
		v.restLine = r.number
	}
	if v.rest = append(v.rest, r.raw...); len(v.rest) > maxLine {
		v.problem(v.restLine, 0, "damaged", "this is no line of a decision log")
		v.rest = nil
	}
}

// line takes in a line.
func (v *verifier) line(r *lines, seq uint64, prev [32]byte) {
	if !v.began {
		v.first(seq, prev)
	}
	if !v.place(seq, prev) {
		v.explained(nil)
		return
	}
	v.at = link{seq - 1, prev}
	v.at.add(r.line)
	v.report.Last, v.report.Hash = max(v.report.Last, seq), hex.EncodeToString(v.at.last[:])
	if v.o.Anchor.Line == seq && v.o.Anchor.Hash == v.at.last {
		v.seen = true
	}
	if isHead(r.line) {
		v.head(r.line, seq)
		return
	}
	v.explained(nil)
	v.records++
	v.report.Records++
	if v.why == "close" {
		v.problem(v.number, seq, "unsigned", "a line behind the closing head of line %d, before another was opened", v.report.Signed)
		v.why = ""
	}
}

// first takes in where the log begins.
func (v *verifier) first(seq uint64, prev [32]byte) {
	v.began, v.report.First = true, seq
	v.at = link{seq - 1, prev}
	switch {
	case seq > v.o.From:
		v.problem(v.number, seq, "missing", "lines %d to %d are missing: the log begins with %d", v.o.From, seq-1, seq)
	case seq == 1 && prev != [32]byte{}:
		v.problem(v.number, seq, "altered", "the first line follows none, and names one")
	}
}

// place checks that a line stands where it should; it returns whether the chain
// goes on with it.
func (v *verifier) place(seq uint64, prev [32]byte) bool {
	switch want := v.at.seq + 1; {
	case seq == want && prev != v.at.last:
		v.problem(v.number-1, seq-1, "altered", "line %d of the log is not the one that line %d was written behind: one of them was altered", seq-1, seq)
	case seq > want:
		v.problem(v.number, seq, "missing", "lines %d to %d are missing here: %d follows %d", want, seq-1, seq, want-1)
		if v.gone == nil {
			v.gone = map[uint64]int{}
		}
		for n := want; n < seq && len(v.gone) < maxProblems; n++ {
			v.gone[n] = v.number
		}
	case seq < want:
		if _, ok := v.gone[seq]; ok {
			delete(v.gone, seq)
			v.problem(v.number, seq, "moved", "line %d was moved: it stands behind line %d", seq, want-1)
			return false
		}
		v.problem(v.number, seq, "inserted", "there is a line %d already: this one was put in, or moved", seq)
		return false
	}
	return true
}

// explained checks what stands before a line and is none.
func (v *verifier) explained(h *head) {
	rest := v.rest
	v.rest = nil
	switch {
	case !h.explains(rest) && len(rest) > 0:
		v.problem(v.restLine, 0, "damaged", "this is no line of a decision log, and no head says that a crash left it")
	case !h.explains(rest):
		v.problem(v.number, v.at.seq, "missing", "what a crash left before this line is gone")
	case len(rest) > 0:
		v.report.Torn++
		v.note("%s:%d: a crash left %d bytes of a line unfinished; the head behind them says so", v.path, v.restLine, len(rest)-1)
	}
}

// head takes in a head.
func (v *verifier) head(line []byte, seq uint64) {
	h, err := parseHead(line, v.o.Keys)
	if err != nil {
		v.explained(nil)
		v.problem(v.number, seq, "forged", "the head at line %d: %v; lines since %d are vouched for by nobody", seq, err, v.report.Signed+1)
		return
	}
	v.explained(h)
	switch {
	case v.report.Log == "":
		v.report.Log = h.Log
	case v.report.Log != h.Log:
		v.problem(v.number, seq, "chain", "another log begins: %s, and this is %s", h.Log, v.report.Log)
		v.report.Log = h.Log
	}
	if v.report.Signed > 0 && h.Records != v.records && !v.lost {
		v.problem(v.number, seq, "missing", "the head at line %d says that %d records stand before it, and there are %d", seq, h.Records, v.records)
	}
	if (h.Why == "open" || h.Why == "recover") && v.why != "close" && v.records > 0 {
		v.note("%s:%d: the process before did not close the log: lines %d to %d were signed by the next one", v.path, v.number, v.report.Signed+1, seq-1)
	}
	v.report.Heads++
	v.report.Skipped += h.Skipped
	v.report.Dropped += h.Dropped
	v.report.Signed, v.why, v.records, v.lost = seq, h.Why, 0, false
}

// end takes in where the log ends.
func (v *verifier) end() {
	r := &v.report
	switch {
	case !v.began:
		v.problem(0, 0, "truncated", "there is no line of a decision log")
	case len(v.rest) > 0 && v.o.Growing && !bytes.HasSuffix(v.rest, []byte("\n")):
		v.note("%s:%d: the last line is not finished yet", v.path, v.restLine)
	case len(v.rest) > 0:
		v.problem(v.restLine, 0, "truncated", "the log ends within a line")
	case v.why != "close" && !v.o.Growing:
		v.problem(v.number, v.at.seq, "truncated", "the log does not end with a closing head: lines are missing, or it is still written (--growing), or the process was killed")
	case v.records > 0:
		v.note("%d lines behind the last head, of line %d, are not signed yet", v.records, r.Signed)
	}
	if v.began && r.Signed == 0 {
		v.problem(0, 0, "unsigned", "no head is signed")
	}
	if v.o.Anchor.Line > 0 && !v.seen {
		v.problem(0, v.o.Anchor.Line, "anchor", "line %d is not there with the hash that it had", v.o.Anchor.Line)
	}
	r.OK = len(r.Problems) == 0
}
