package dynamoitem

import "slices"

// legacyCondition is a member of a map of conditions or updates that is no
// expression.
type legacyCondition struct {
	name     string
	operator string
	values   []value
}

// legacyMembers do not go with expressionMembers. Source: DynamoDB Developer
// Guide, "Legacy conditional parameters".
var (
	legacyMembers = []string{
		"AttributesToGet", "AttributeUpdates", "ConditionalOperator", "Expected", "KeyConditions", "QueryFilter", "ScanFilter",
	}
	expressionMembers = []string{
		"ProjectionExpression", "UpdateExpression", "ConditionExpression", "KeyConditionExpression", "FilterExpression",
		"ExpressionAttributeNames", "ExpressionAttributeValues",
	}
)

// comparisonOperators have so many values, at least and at most.
var comparisonOperators = map[string]struct{ least, most int }{
	"EQ": {1, 1}, "NE": {1, 1}, "LE": {1, 1}, "LT": {1, 1}, "GE": {1, 1}, "GT": {1, 1}, "NOT_NULL": {0, 0}, "NULL": {0, 0},
	"CONTAINS": {1, 1}, "NOT_CONTAINS": {1, 1}, "BEGINS_WITH": {1, 1}, "IN": {1, 100}, "BETWEEN": {2, 2},
}

// legacy reads one of legacyMembers.
func (r *reader) legacy(p *part, name string) (err error) {
	switch name {
	case "AttributesToGet":
		err = r.attributesToGet(p)
	case "KeyConditions":
		p.keyConditions, err = r.conditions(r.condition, true)
	case "QueryFilter", "ScanFilter":
		p.filters, err = r.conditions(r.condition, true)
	case "Expected":
		p.expected, err = r.conditions(r.expectation, false)
	case "AttributeUpdates":
		p.attributeUpdates, err = r.conditions(r.attributeUpdate, false)
	case "ConditionalOperator":
		_, err = r.choice("AND", "OR")
	}
	return err
}

// mixed refuses a request of both sorts.
func (p *part) mixed() error {
	in := func(set []string) string {
		for _, m := range p.members {
			if slices.Contains(set, m.name) {
				return m.name
			}
		}
		return ""
	}
	if old, expression := in(legacyMembers), in(expressionMembers); old != "" && expression != "" {
		return p.faultf(old, "does not go with %s", expression)
	}
	return nil
}

func (r *reader) attributesToGet(p *part) error {
	p.attributesToGet = []string{}
	return r.array(1, maxParameters, func(int) error {
		name, err := r.string()
		if err != nil {
			return err
		}
		if name == "" || len(name) > maxAttributeName {
			return r.fault("want the name of an attribute")
		}
		p.attributesToGet = append(p.attributesToGet, name)
		return nil
	})
}

// conditions reads a map of attributes to what read reads. must says that each
// has an operator.
func (r *reader) conditions(read func(*legacyCondition, string) error, must bool) ([]legacyCondition, error) {
	out := []legacyCondition{}
	err := r.object(func(attribute string) error {
		if attribute == "" || len(attribute) > maxAttributeName {
			return r.fault("want the name of an attribute")
		}
		c := legacyCondition{name: attribute}
		if err := r.object(func(member string) error {
			if r.null() {
				return nil
			}
			return read(&c, member)
		}); err != nil {
			return err
		}
		if err := r.checkOperator(&c, must); err != nil {
			return err
		}
		out = append(out, c)
		return nil
	})
	return out, err
}

// checkOperator holds the number of values to the operator.
func (r *reader) checkOperator(c *legacyCondition, must bool) error {
	if c.operator == "" {
		if must || len(c.values) > 0 {
			return r.fault("want a ComparisonOperator")
		}
		return nil
	}
	n, ok := comparisonOperators[c.operator]
	if !ok {
		return r.fault("%.80q is no ComparisonOperator", c.operator)
	}
	if len(c.values) < n.least || len(c.values) > n.most {
		return r.fault("%s has %d values", c.operator, len(c.values))
	}
	return nil
}

// condition reads a member of a Condition.
func (r *reader) condition(c *legacyCondition, member string) (err error) {
	switch member {
	case "ComparisonOperator":
		c.operator, err = r.string()
	case "AttributeValueList":
		err = r.array(0, 100, func(int) error {
			v, err := r.value()
			c.values = append(c.values, v)
			return err
		})
	default:
		err = r.fault("no such member is known here")
	}
	return err
}

// expectation reads a member of an ExpectedAttributeValue.
func (r *reader) expectation(c *legacyCondition, member string) (err error) {
	switch member {
	case "Value":
		_, err = r.value()
	case "Exists":
		err = r.bool()
	default:
		err = r.condition(c, member)
	}
	return err
}

// attributeUpdate reads a member of an AttributeValueUpdate.
func (r *reader) attributeUpdate(_ *legacyCondition, member string) (err error) {
	switch member {
	case "Value":
		_, err = r.value()
	case "Action":
		_, err = r.choice("ADD", "PUT", "DELETE")
	default:
		err = r.fault("no such member is known here")
	}
	return err
}
