package lsp

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/sourcegraph/jsonrpc2"

	"github.com/rowan-authz/rowan/bundle"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/conditions/celop"
)

// maxItems is how many completions are offered at once.
const maxItems = 2000

// completer gathers completions for a cursor.
type completer struct {
	*Server
	*cursor
	items []completionItem
}

func (s *Server) completion(ctx context.Context, p *positionParams) (any, *jsonrpc2.Error) {
	c, problem := s.cursorAt(p)
	if problem != nil || c == nil {
		return nil, problem
	}
	k := &completer{Server: s, cursor: c}
	switch {
	case c.policy >= 0:
		k.inPolicy()
	default:
		k.inFile()
	}
	if ctx.Err() != nil {
		return nil, cancelled()
	}
	slices.SortStableFunc(k.items, func(a, b completionItem) int { return strings.Compare(a.SortText, b.SortText) })
	list := completionList{Items: k.items}
	if len(k.items) > maxItems {
		list.Items, list.IsIncomplete = k.items[:maxItems], true
	}
	if list.Items == nil {
		list.Items = []completionItem{}
	}
	return list, nil
}

// add offers a word that replaces the one under the cursor.
func (k *completer) add(word string, kind int, detail, about string) *completionItem {
	t := &k.doc.text
	k.items = append(k.items, completionItem{
		Label: word, Kind: kind, Detail: detail, Documentation: markdown(about),
		TextEdit: textEdit{t.span(k.from, k.to), k.spell(word)},
	})
	return &k.items[len(k.items)-1]
}

// spell writes a word as the notation has it.
func (k *completer) spell(word string) string {
	_, unfinished := family(word)
	switch {
	case !k.quoted && k.json:
		word = `"` + word + `"`
	case !k.quoted && !unfinished:
		word = yamlText(word)
	}
	if k.key && !k.quoted && !k.ended && !unfinished {
		word += ": "
	}
	return word
}

// yamlText writes a text so that YAML takes it for one.
func yamlText(s string) string {
	if s == "" || strings.ContainsAny(s[:1], "*&!|>%@`'\"#{}[],?-") || strings.Contains(s, ": ") || strings.Contains(s, " #") || strings.HasSuffix(s, ":") {
		return `"` + s + `"`
	}
	return s
}

func (k *completer) inPolicy() {
	if name, from, to, ok := k.variable(); ok {
		k.variables(name, from, to)
		return
	}
	switch k.element {
	case memberName:
		k.memberNames()
	case effectValue, versionValue:
		k.values()
	case actionValue:
		k.actionNames()
	case operatorName:
		for i, name := range k.operators() {
			k.add(name, kindOperator, "", operatorAbout(name)).SortText = fmt.Sprintf("%03d", i)
		}
	case keyName:
		k.keyNames(k.path[len(k.path)-1])
	case conditionValue:
		k.conditionValues()
	case noElement, resourceValue:
	}
}

// has reports whether the object has a member beside the one under the cursor.
func (k *completer) has(name string) bool {
	return name != k.scalar && slices.Contains(k.members, name)
}

// memberNames offers the members that an object lacks.
func (k *completer) memberNames() {
	for _, s := range k.shapesAround() {
		for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
			if k.has(name) {
				continue
			}
			detail := ""
			if slices.Contains(s.Required, name) {
				detail = "required"
			}
			k.add(name, kindField, detail, s.Properties[name].About)
		}
	}
}

// values offers the words that the schema has.
func (k *completer) values() {
	for _, s := range spotAt(k.root, k.path).shapes {
		if s.Items != nil { // what a list may have may stand alone
			continue
		}
		for _, x := range s.Enum {
			k.add(fmt.Sprint(x), kindValue, "", "")
		}
		if s.Type == "boolean" {
			k.add("true", kindValue, "", "")
			k.add("false", kindValue, "", "")
		}
	}
}

// actionNames offers services, and behind a colon the actions of one.
func (k *completer) actionNames() {
	service, _, ok := strings.Cut(k.scalar, ":")
	if !ok || k.caret <= len(service) {
		for _, x := range k.catalogue.Services() {
			k.add(x+":", kindReference, "", "")
		}
		return
	}
	service = strings.ToLower(service)
	for _, name := range k.catalogue.Actions(service) {
		k.add(service+":"+name, kindFunction, k.catalogue.Access(service, name), "")
	}
}

// keyNames offers the keys that an operator may read, first those of the
// statement's actions.
func (k *completer) keyNames(operator string) {
	if operator == celop.Name {
		return // its keys are labels
	}
	first := map[string]bool{}
	for _, a := range k.actions() {
		service, name, _ := strings.Cut(a, ":")
		for _, key := range k.catalogue.ActionKeys(strings.ToLower(service), name) {
			if i := strings.IndexAny(key, "$<"); i >= 0 {
				key = key[:i]
			}
			first[strings.ToLower(key)] = true
		}
	}
	k.keys(first, func(key string) bool { return k.takes(operator, key) })
}

// keys offers the context keys that fit.
func (k *completer) keys(first map[string]bool, fits func(string) bool) {
	for _, x := range k.vocabulary.Keys() {
		name, many := family(x.Name)
		tried := x.Name
		if many {
			tried += "x"
		}
		if k.has(x.Name) || !fits(tried) {
			continue
		}
		item := k.add(x.Name, kindVariable, kindText(x), k.keyAbout(tried))
		item.Label = name
		if item.SortText = "1" + x.Name; first[strings.ToLower(x.Name)] {
			item.SortText = "0" + x.Name
		}
	}
}

// conditionValues offers what a key may be, where that is a matter of few words.
func (k *completer) conditionValues() {
	n := k.policy + len(k.statement) + 1
	if len(k.path) <= n+1 {
		return
	}
	_, base, _ := operator(k.path[n])
	key, err := k.vocabulary.Key(k.path[n+1])
	switch {
	case base == "Null" || base == "Bool", err == nil && key.Kind == conditions.Bool:
		k.add("true", kindValue, "", "")
		k.add("false", kindValue, "", "")
	case strings.HasPrefix(base, "String"):
		k.variableValues()
	}
}

// variableValues offers whole policy variables.
func (k *completer) variableValues() {
	for _, x := range k.vocabulary.Keys() {
		if _, many := family(x.Name); !many && !x.List {
			k.add("${"+x.Name+"}", kindVariable, kindText(x), k.keyAbout(x.Name))
		}
	}
}

// variables offers the names of policy variables between ${ and }.
func (k *completer) variables(name string, from, to int) {
	t := &k.doc.text
	begin := k.offset + from
	span := t.span(begin, begin+len(name))
	closed := strings.HasPrefix(k.scalar[to:], "}")
	for _, x := range k.vocabulary.Keys() {
		if x.List {
			continue // it never resolves
		}
		word := x.Name
		label, many := family(word)
		about := k.keyAbout(word)
		if many {
			about = k.keyAbout(word + "x")
		} else if !closed {
			word += "}"
		}
		item := k.add(word, kindVariable, kindText(x), about)
		item.Label, item.TextEdit = label, textEdit{span, word}
	}
}

// inFile completes what is no policy, by the schema of the file.
func (k *completer) inFile() {
	if k.key {
		k.memberNames()
		if n := len(k.path); n > 0 && k.path[n-1] == "context" && k.schema != "routes" {
			k.keys(nil, func(string) bool { return true })
		}
		return
	}
	k.values()
	member := ""
	for i := len(k.path) - 1; i >= 0 && member == ""; i-- {
		if strings.Trim(k.path[i], "0123456789") != "" {
			member = k.path[i]
		}
	}
	switch {
	case member == "actions" && k.schema == "tests" && k.path[0] == "tests":
		for _, name := range bundle.RowActions() { // others are no question about a row
			k.add(name, kindFunction, k.catalogue.Access("dynamodb", strings.TrimPrefix(name, "dynamodb:")), "")
		}
	case member == "action" || member == "actions":
		k.actionNames()
	case member == "as" && k.schema == "tests":
		k.identityNames()
	case k.project != nil:
		if folder, ok := named[k.schema+" "+member]; ok {
			for _, name := range k.namesIn(folder) {
				k.add(name, kindReference, folder+"/"+name, "")
			}
		}
	}
}

// named are the members that name a file of a folder, by schema.
var named = map[string]string{
	"roles policies": "policies", "roles boundary": "policies", "administrators policies": "policies", "administrators boundary": "policies",
	"tests role": "roles", "tests roles": "roles", "tests pool": "pools", "tests table": "tables",
	"tables except": "roles", "pools authenticated": "roles", "pools unauthenticated": "roles", "pools role": "roles",
	"routes identityPool": "pools",
}

// namesIn are the files of a folder of the project, without what they end in.
func (k *completer) namesIn(folder string) []string {
	found := map[string]bool{}
	if tree, closer, err := k.options.Open(k.project.dir); err == nil {
		entries, _ := fs.ReadDir(tree, folder) // none, if it cannot be read
		for _, e := range entries {
			found[e.Name()] = true
		}
		_ = closer.Close() // it was only read
	}
	for rel := range k.opened(k.project) {
		if path.Dir(rel) == folder {
			found[path.Base(rel)] = true
		}
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if stem := strings.TrimSuffix(name, path.Ext(name)); stem != "" && path.Ext(name) != ".md" && len(out) < maxItems {
			out = append(out, stem)
		}
	}
	return out
}

// identityNames offers the identities of the suite.
func (k *completer) identityNames() {
	seen := map[string]bool{}
	for _, x := range k.strings {
		rest, ok := strings.CutPrefix(x.path, "identities/")
		if name, _, below := strings.Cut(rest, "/"); ok && below && !seen[name] {
			seen[name] = true
			k.add(name, kindReference, "identity", "")
		}
	}
}
