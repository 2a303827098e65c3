package policy

// Size compares a document with the size that AWS takes for its kind: how large
// it is, how large it may be, and what was counted. All are zero for a Kind
// that is none. Source: iam-semantics §1.8.
func (d *Document) Size(kind Kind) (size, limit int, counted string) {
	if kind < Identity || kind > ResourceControl {
		return 0, 0, ""
	}
	g := grammars[kind]
	if g.blanks {
		return d.size, g.limit, "characters"
	}
	return d.compact, g.limit, "characters without white space"
}
