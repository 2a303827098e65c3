// Package schema reads from the source of package bundle what the YAML files of a
// bundle may hold, so that the reference of docs/configuration.md says what the
// loader does.
//
// The loader has no schema: it hands each member of an object to a function,
//
//	n.object("keys or rights", func(member string, x node) bool {
//		switch member {
//		case "keys":
//			s.Keys = l.serviceKeys(name, x)
//
// and this package follows these calls. The case is the member's name, the
// function that is given x its value, need what must be there, the comment on the
// field that it is kept in what it means, and a literal that the field begins with
// its default. Whatever it cannot follow is an error, as is a member without a
// comment, or one that the list in the loader's own messages lacks.
package schema
