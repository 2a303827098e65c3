package dynamoitem

import (
	"errors"
	"strings"
)

// value is an attribute value. text is of S, N and B.
type value struct{ kind, text string }

// attribute is a named value: a member of an item or key.
type attribute struct {
	name  string
	value value
}

// kinds are the types of attribute values. Source: DynamoDB API Reference,
// AttributeValue.
var kinds = [...]string{"S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"}

// attributes reads a map of attribute values.
func (d *decoder) attributes() ([]attribute, error) {
	out := make([]attribute, 0, 4)
	err := d.object(func(name string) error {
		if name == "" || len(name) > maxAttributeName {
			return d.fault("an attribute has a name of 1 to %d bytes", maxAttributeName)
		}
		v, err := d.value()
		out = append(out, attribute{name, v})
		return err
	})
	return out, err
}

// maxAttributeName is in bytes. Source: DynamoDB API Reference, AttributeName.
const maxAttributeName = 65535

// value reads an attribute value: one type and what is of it.
func (d *decoder) value() (value, error) {
	if !d.skipByte('{') {
		return value{}, d.want("an attribute value")
	}
	if err := d.enter(); err != nil {
		return value{}, err
	}
	raw, err := d.string()
	if err != nil {
		return value{}, err
	}
	var v value
	for _, k := range kinds {
		if raw == k {
			v.kind = k
		}
	}
	if v.kind == "" {
		return value{}, d.fault("%.20q is no type of attribute values", raw)
	}
	if !d.skipByte(':') {
		return value{}, d.want("a colon")
	}
	if err := d.content(&v); err != nil {
		return value{}, err
	}
	if !d.skipByte('}') {
		return value{}, d.want("the end of the attribute value, which has one type")
	}
	d.depth--
	return v, nil
}

// content reads what is of v's type.
func (d *decoder) content(v *value) (err error) {
	switch v.kind {
	case "S", "N", "B":
		if v.text, err = d.string(); err == nil {
			err = d.scalar(v.kind, v.text)
		}
	case "BOOL":
		err = d.bool()
	case "NULL":
		if !d.word("true") {
			err = d.want("true")
		}
	case "M":
		_, err = d.attributes()
	case "L":
		err = d.array(0, len(d.src), func(int) error {
			_, err := d.value()
			return err
		})
	case "SS", "NS", "BS":
		err = d.array(1, len(d.src), func(int) error {
			text, err := d.string()
			if err != nil {
				return err
			}
			return d.scalar(v.kind[:1], text)
		})
	}
	return err
}

// scalar checks the text of a number or of bytes.
func (d *decoder) scalar(kind, text string) error {
	switch kind {
	case "N":
		if len(text) > maxNumber {
			return d.fault("a number has at most %d bytes", maxNumber)
		}
		if _, ok := CanonicalNumber(text); !ok {
			return d.fault("not a number of DynamoDB")
		}
	case "B":
		if !canonicalBase64(text) {
			return d.fault("not base64, with padding")
		}
	}
	return nil
}

const base64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// canonicalBase64 reports whether text is standard base64 with padding and is
// the only text that means its bytes: no line breaks, no bits that say nothing. Choice C33.
func canonicalBase64(text string) bool {
	if len(text)%4 != 0 {
		return false
	}
	pads := 0
	for pads < 2 && pads < len(text) && text[len(text)-1-pads] == '=' {
		pads++
	}
	last := 0
	for i := range len(text) - pads {
		if last = strings.IndexByte(base64Alphabet, text[i]); last < 0 {
			return false
		}
	}
	return last&(1<<(2*pads)-1) == 0
}

// keyText is the text that context keys have of a value of a key attribute of
// that type. An empty one would be no value at all, and satisfy ForAllValues.
// Source: iam-semantics §6.4.1; choice C32.
func (v value) keyText(kind string) (string, error) {
	if v.kind != kind {
		return "", errors.New("want a value of type " + kind + ", have " + v.kind)
	}
	if len(v.text) == 0 {
		return "", errors.New("the value of a key attribute is not empty")
	}
	if kind == "N" {
		text, ok := CanonicalNumber(v.text)
		if !ok {
			return "", errors.New("not a number of DynamoDB")
		}
		return text, nil
	}
	return v.text, nil
}
