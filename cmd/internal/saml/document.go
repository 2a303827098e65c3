package saml

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/beevik/etree"
	roundtrip "github.com/mattermost/xml-roundtrip-validator"
)

// Bounds of a response. Real ones have some 10 KB, 100 elements and a depth of
// 8. Source of the first: AWS STS API reference, AssumeRoleWithSAML.
const (
	maxToken      = 100_000 // characters of base64
	maxElements   = 2000
	maxDepth      = 16
	maxAttributes = 32 // of one element, with its namespace declarations
)

// The namespaces of a response.
const (
	nsProtocol  = "urn:oasis:names:tc:SAML:2.0:protocol"
	nsAssertion = "urn:oasis:names:tc:SAML:2.0:assertion"
	nsSignature = "http://www.w3.org/2000/09/xmldsig#"
	nsInstance  = "http://www.w3.org/2001/XMLSchema-instance"
)

// decode returns the root of a response in base64.
func decode(token string) (*etree.Element, error) {
	if len(token) > maxToken {
		return nil, fmt.Errorf("response has more than %d characters", maxToken)
	}
	src, err := base64.StdEncoding.Strict().DecodeString(token)
	if err != nil {
		return nil, errors.New("response is no base64")
	}
	return parse(src)
}

// parse reads XML that has nothing but elements, attributes and text, and that
// would be the same if it were written and read again.
func parse(src []byte) (*etree.Element, error) {
	if err := plain(src); err != nil {
		return nil, err
	}
	if err := bounded(src); err != nil {
		return nil, err
	}
	if err := roundtrip.Validate(bytes.NewReader(src)); err != nil {
		return nil, fmt.Errorf("ambiguous XML: %w", err)
	}
	doc := etree.NewDocument()
	if err := doc.ReadFromBytes(src); err != nil {
		return nil, fmt.Errorf("invalid XML: %w", err)
	}
	root := doc.Root()
	if root == nil {
		return nil, errors.New("no element")
	}
	return root, nil
}

// plain looks at the bytes alone, before any parser does: a "<" has no other
// place in XML than before a tag, so what is searched for cannot hide.
func plain(src []byte) error {
	if !utf8.Valid(src) {
		return errors.New("not UTF-8")
	}
	if rest, ok := bytes.CutPrefix(src, []byte("<?xml ")); ok { // the declaration, whose encoding the parser checks
		_, src, _ = bytes.Cut(rest, []byte("?>"))
	}
	switch {
	case bytes.Contains(src, []byte("<?")):
		return errors.New("processing instruction")
	case bytes.Contains(src, []byte("<!")):
		return errors.New("comment, document type or CDATA")
	}
	return nil
}

// bounded refuses what is too large or deep, and what is no well-formed XML
// though the parser lets it pass.
func bounded(src []byte) error {
	d := xml.NewDecoder(bytes.NewReader(src))
	depth, elements := 0, 0
	for {
		token, err := d.Token()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("invalid XML: %w", err)
		}
		switch x := token.(type) {
		case xml.StartElement:
			if depth++; depth == 1 && elements > 0 {
				return errors.New("two roots")
			}
			if elements++; elements > maxElements || depth > maxDepth || len(x.Attr) > maxAttributes {
				return fmt.Errorf("more than %d elements, depth %d or %d attributes", maxElements, maxDepth, maxAttributes)
			}
			if err := proper(&x); err != nil {
				return err
			}
		case xml.EndElement:
			depth--
		case xml.CharData:
			if depth == 0 && len(bytes.TrimSpace(x)) > 0 {
				return errors.New("text outside the root")
			}
		}
	}
}

// proper refuses names that are none in XML with namespaces, an attribute that
// stands twice, and another meaning for a prefix that has a fixed one.
func proper(e *xml.StartElement) error {
	if strings.Contains(e.Name.Local, ":") {
		return fmt.Errorf("invalid XML: element %s", shown(e.Name.Local))
	}
	for i, a := range e.Attr {
		if strings.Contains(a.Name.Local, ":") || a.Name.Space == "xmlns" && strings.HasPrefix(a.Name.Local, "xml") {
			return fmt.Errorf("invalid XML: attribute %s", shown(a.Name.Local))
		}
		for _, b := range e.Attr[:i] {
			if a.Name == b.Name {
				return fmt.Errorf("attribute %s stands twice", shown(a.Name.Local))
			}
		}
	}
	return nil
}

// is reports whether e is the element with a name.
func is(e *etree.Element, space, name string) bool {
	return e.Tag == name && e.NamespaceURI() == space
}

// attribute returns an attribute without a namespace, "" if there is none.
func attribute(e *etree.Element, name string) string {
	for _, a := range e.Attr {
		if a.Space == "" && a.Key == name {
			return a.Value
		}
	}
	return ""
}

// text returns the text of an element that has nothing else.
func text(e *etree.Element) (string, error) {
	var b strings.Builder
	for _, child := range e.Child {
		c, ok := child.(*etree.CharData)
		if !ok {
			return "", fmt.Errorf("%s has more than text", e.Tag)
		}
		b.WriteString(c.Data)
	}
	return b.String(), nil
}

// children returns the child elements of e by name. All of them must be in the
// namespace and among the names, and there must be no text but space.
func children(e *etree.Element, space string, names ...string) (map[string][]*etree.Element, error) {
	out := map[string][]*etree.Element{}
	for _, child := range e.Child {
		switch x := child.(type) {
		case *etree.CharData:
			if strings.TrimSpace(x.Data) != "" {
				return nil, fmt.Errorf("text in %s", e.Tag)
			}
		case *etree.Element:
			known := false
			for _, name := range names {
				known = known || is(x, space, name)
			}
			if !known {
				return nil, fmt.Errorf("%s in %s", shown(x.Tag), e.Tag)
			}
			out[x.Tag] = append(out[x.Tag], x)
		default:
			return nil, fmt.Errorf("%s has more than elements", e.Tag)
		}
	}
	return out, nil
}

// one returns the only element of a list.
func one(list []*etree.Element, name string) (*etree.Element, error) {
	if len(list) != 1 {
		return nil, fmt.Errorf("%d of %s, want one", len(list), name)
	}
	return list[0], nil
}

// shown is a stranger's text as a log may have it.
func shown(s string) string {
	const most = 80
	if len(s) > most {
		s = s[:most] + "…"
	}
	return fmt.Sprintf("%q", s)
}
