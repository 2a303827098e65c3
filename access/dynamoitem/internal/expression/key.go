package expression

// KeyTerm is one condition of a KeyConditionExpression: a comparison of a key
// attribute with values.
type KeyTerm struct {
	At int
	// Name is the attribute's or a placeholder for one, with its #.
	Name string
	// Operator is =, <, <=, >, >=, BETWEEN or begins_with.
	Operator string
	// Values are placeholders: two for BETWEEN, else one.
	Values []string
}

// KeyCondition reads a KeyConditionExpression: comparisons of attributes with
// values, and AND between. Source: DynamoDB Developer Guide, "Key condition
// expressions".
func KeyCondition(text string) (*Node, []KeyTerm, error) {
	n, err := Condition(text)
	if err != nil {
		return nil, nil, err
	}
	var terms []KeyTerm
	if err := n.keyTerms(&terms); err != nil {
		return nil, nil, err
	}
	return n, terms, nil
}

func (n *Node) keyTerms(terms *[]KeyTerm) error {
	args, t := n.Args, KeyTerm{At: n.At}
	switch {
	case n.Kind == And:
		for _, arg := range n.Args {
			if err := arg.keyTerms(terms); err != nil {
				return err
			}
		}
		return nil
	case n.Kind == Compare && n.Text != "<>":
		t.Operator = n.Text
		if args[0].Kind == Value { // the same, said the other way round
			args, t.Operator = []*Node{args[1], args[0]}, mirrored[n.Text]
		}
	case n.Kind == Between:
		t.Operator = "BETWEEN"
	case n.Kind == Call && n.Text == "begins_with":
		t.Operator = n.Text
	default:
		return faultAt(n.At, "a key condition is a comparison of a key attribute, not %.80q", n)
	}
	if args[0].Kind != Path || len(args[0].Path) != 1 {
		return faultAt(args[0].At, "want a key attribute, have %.80q", args[0])
	}
	t.Name = args[0].Path[0].Name
	for _, arg := range args[1:] {
		if arg.Kind != Value {
			return faultAt(arg.At, "want a :value, have %.80q", arg)
		}
		t.Values = append(t.Values, arg.Text)
	}
	*terms = append(*terms, t)
	return nil
}

var mirrored = map[string]string{"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
