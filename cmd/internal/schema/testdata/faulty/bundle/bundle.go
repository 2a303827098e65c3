// Package bundle is a loader with faults that package schema must find.
package bundle

type node struct{}

func (n node) object(fields string, member func(name string, x node) bool) {}
func (n node) text() string                                                { return "" }
func (n node) integer(least, most int) int                                 { return least }
func (n node) choice(words ...string) string                               { return "" }
func (n node) need(names ...string)                                        {}

type thing struct {
	// Name is what it is called.
	Name string
	Bare string
	// Size is how large it is.
	Size int
	// Kind is one of a few.
	Kind string
	// Lost is read from nowhere.
	Lost string
}

type loader struct{ things []*thing }

func (l *loader) yaml(p string, root node) {
	switch p {
	case "things":
		l.things = append(l.things, l.thing(root))
	}
}

func (l *loader) thing(n node) *thing {
	t := &thing{}
	n.object("name, bare, size or forgotten", func(member string, x node) bool {
		switch member {
		case "name":
			t.Name = x.text()
		case "bare":
			t.Bare = x.text()
		case "size":
			t.Size = x.integer(0, bound())
		case "kind":
			t.Kind = x.choice(kinds()...)
		case "lost":
			t.Lost = ""
		default:
			return false
		}
		return true
	})
	n.need("name")
	return t
}

func bound() int { return 7 }

func kinds() []string {
	var out []string
	return append(out, "a")
}
