package lsp

import (
	"strconv"
	"strings"
)

// place is where a cursor is in a document, whole or not yet.
type place struct {
	// path are the names and indexes of what is around: for a value with its own,
	// for a name without.
	path []string
	// key says that it is, or would be, the name of a member.
	key bool
	// from and to are the offsets of the word under the cursor, without quotes.
	from, to int
	// scalar is the text of the string or scalar, caret where it is in it.
	scalar string
	caret  int
	// quoted says that the word stands in quotes; ended that a colon follows it.
	quoted, ended bool
	// json says that the notation is JSON.
	json bool
	// members are the names of the object around, outer those of the document.
	members, outer []string
	// strings are the scalar values of the document by their paths.
	strings []stringAt
}

// stringAt is a scalar value.
type stringAt struct {
	path  string // joined with slashes
	value string
}

// at returns the values at a path or, of a list, below it.
func (p *place) at(path ...string) (out []string) {
	want := strings.Join(path, "/")
	for _, x := range p.strings {
		if x.path == want || strings.HasPrefix(x.path, want+"/") {
			out = append(out, x.value)
		}
	}
	return out
}

// maxScanDepth is how deep a scan follows; a policy is six levels deep.
const maxScanDepth = 64

// frame is an object or array that is open.
type frame struct {
	object bool
	index  int
	name   string
	// state says what comes next.
	state   scanState
	members *[]string
}

type scanState uint8

const (
	wantName scanState = iota
	wantColon
	wantValue
	wantComma
)

// jsonScan reads JSON that need not be complete.
type jsonScan struct {
	text  string
	at    int // of the cursor
	stack []frame
	out   place
	found bool
	// around are the members of the object around the cursor.
	around *[]string
}

// scanJSON finds the place of an offset.
func scanJSON(text string, at int) place {
	j := &jsonScan{text: text, at: at}
	j.out = place{from: at, to: at, json: true}
	var top *[]string
	for i := 0; i < len(text); {
		c := text[i]
		if strings.IndexByte(" \t\r\n", c) >= 0 {
			i++
			continue
		}
		if !j.found && at <= i {
			j.between(at)
		}
		switch c {
		case '{', '[':
			if len(j.stack) == maxScanDepth {
				return j.out
			}
			j.stack = append(j.stack, frame{object: c == '{', members: new([]string), state: map[bool]scanState{true: wantName, false: wantValue}[c == '{']})
			if top == nil {
				top = j.stack[0].members
			}
			i++
		case '}', ']':
			j.close(c == '}')
			i++
		case ',', ':':
			j.separate(c)
			i++
		default:
			i = j.token(i)
		}
	}
	if !j.found {
		j.between(at)
	}
	if j.around != nil {
		j.out.members = *j.around
	}
	if top != nil {
		j.out.outer = *top
	}
	return j.out
}

// top is the innermost frame, nil if there is none.
func (j *jsonScan) top() *frame {
	if len(j.stack) == 0 {
		return nil
	}
	return &j.stack[len(j.stack)-1]
}

// path are the names and indexes of the frames, of the innermost too if all is
// set.
func (j *jsonScan) path(all bool) []string {
	var out []string
	for i := range j.stack {
		f := &j.stack[i]
		switch {
		case i == len(j.stack)-1 && !all:
		case f.object:
			out = append(out, f.name)
		default:
			out = append(out, strconv.Itoa(f.index))
		}
	}
	return out
}

// close leaves the innermost frame of a sort, and those that were left open in it.
func (j *jsonScan) close(object bool) {
	for i := len(j.stack) - 1; i >= 0; i-- {
		if j.stack[i].object == object {
			j.stack = j.stack[:i]
			break
		}
	}
	j.valued()
}

// valued notes that a value has ended.
func (j *jsonScan) valued() {
	if f := j.top(); f != nil {
		f.state = wantComma
	}
}

func (j *jsonScan) separate(c byte) {
	f := j.top()
	switch {
	case f == nil:
	case c == ':':
		f.state = wantValue
	case f.object:
		f.state, f.name = wantName, ""
	default:
		f.state = wantValue
		f.index++
	}
}

// token reads a string or a word that begins at i.
func (j *jsonScan) token(i int) (end int) {
	from, to := i, i
	quoted := j.text[i] == '"'
	if quoted {
		from++
		to = from
		for to < len(j.text) && j.text[to] != '"' && j.text[to] != '\n' {
			if j.text[to] == '\\' {
				to++
			}
			to++
		}
		to = min(to, len(j.text))
		end = to
		if to < len(j.text) && j.text[to] == '"' {
			end++
		}
	} else {
		for to < len(j.text) && strings.IndexByte(" \t\r\n,:{}[]\"", j.text[to]) < 0 {
			to++
		}
		end = to
	}
	f := j.top()
	// After a value without a comma, an object's next name is likelier than anything.
	name := f != nil && f.object && f.state != wantValue
	if !j.found && from <= j.at && j.at <= to {
		j.here(name, quoted, from, to)
		j.out.ended = name && strings.HasPrefix(strings.TrimLeft(j.text[end:min(len(j.text), end+64)], " \t"), ":")
	}
	value := j.text[from:to]
	if quoted && strings.Contains(value, `\`) {
		if plain, err := strconv.Unquote(`"` + value + `"`); err == nil {
			value = plain
		}
	}
	switch {
	case f == nil:
	case name:
		f.name, f.state = value, wantColon
		*f.members = append(*f.members, value)
	default:
		j.out.strings = append(j.out.strings, stringAt{strings.Join(j.path(true), "/"), value})
		j.valued()
	}
	return max(end, i+1)
}

// here notes that the cursor is in a token.
func (j *jsonScan) here(name, quoted bool, from, to int) {
	j.found = true
	j.out.key, j.out.quoted, j.out.from, j.out.to = name, quoted, from, to
	j.out.scalar, j.out.caret = j.text[from:to], j.at-from
	j.out.path = j.path(!name)
	if f := j.top(); f != nil && f.object {
		j.around = f.members
	}
}

// between notes that the cursor is between tokens.
func (j *jsonScan) between(at int) {
	f := j.top()
	name := f != nil && f.object && f.state != wantValue
	j.here(name, false, at, at)
}
