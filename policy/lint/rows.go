package lint

import (
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/policy"
)

// rowRules are about which rows and attributes a policy gives away.
var rowRules = []Rule{
	{
		Code: "leading-keys-quantifier", Severity: Error,
		Summary: "an Allow compares dynamodb:LeadingKeys without ForAllValues",
		Why:     "With ForAnyValue one key of one's own among those of others is enough: a BatchGetItem reads all of them. Without a quantifier the document is refused here, and never matches on AWS.",
	},
	{
		Code: "leading-keys-null-guard", Severity: Error,
		Summary: "an Allow passes when dynamodb:LeadingKeys is absent",
		Why:     "ForAllValues holds when there are no values, and a Scan has none: every row is read. Null: false refuses such requests.",
	},
	{
		Code: "leading-keys-negated", Severity: SecurityWarning,
		Summary: "an Allow lists the partition keys that it does not give",
		Why:     "Every other row, those of tomorrow too, is given away.",
	},
	{
		Code: "null-guard", Severity: SecurityWarning,
		Summary: "an Allow with ForAllValues passes when the key is absent",
		Why:     "ForAllValues holds when there are no values: a request without the key is allowed.",
	},
	{
		Code: "deny-for-all-values", Severity: Warning,
		Summary: "a Deny with ForAllValues",
		Why:     "It denies every request without the key, and none that has one listed value among others. ForAnyValue is what a Deny wants.",
	},
	{
		Code: "scan-beside-leading-keys", Severity: Error,
		Summary: "rows are limited by dynamodb:LeadingKeys in one statement and can be scanned by another",
		Why:     "A Scan returns every row, whatever the leading keys are.",
	},
	{
		Code: "composite-key-equals", Severity: Warning,
		Summary: "StringEquals on a partition key with a wildcard in it",
		Why:     "Keys such as USER#1 are compared whole, and * is an ordinary character: nobody reaches a row. ForAllValues:StringLike is meant.",
	},
	{
		Code: "prefix-without-separator", Severity: SecurityWarning,
		Summary: "a policy variable right before a *",
		Why:     "What begins with the value of one identity may belong to another: u1 also covers u12. Put a separator between them that no value holds.",
	},
	{
		Code: "user-pool-sub", Severity: Warning,
		Summary: "the user pool's sub where the session has the identity id",
		Why:     "Credentials of an identity pool have cognito-identity.amazonaws.com:sub, REGION:UUID. The sub of a user pool's token is another id and no context key: the condition never holds.",
	},
	{
		Code: "attributes-without-key", Severity: Warning,
		Summary: "dynamodb:Attributes leaves out a key attribute of the table",
		Why:     "The key attributes of a request count, so each of them must be listed: without them every request is denied.",
	},
	{
		Code: "attributes-without-select", Severity: SecurityWarning,
		Summary:  "dynamodb:Attributes is limited and dynamodb:Select is not",
		Why:      "A read that names no attributes returns all of them. Ask for Select SPECIFIC_ATTRIBUTES.",
		Analyzer: []string{"DYNAMODB_ATTRIBUTES_WITHOUT_SELECT"},
	},
	{
		Code: "attributes-without-return-values", Severity: SecurityWarning,
		Summary: "dynamodb:Attributes is limited and dynamodb:ReturnValues is not",
		Why:     "A write that asks for ALL_OLD or ALL_NEW returns every attribute of the item.",
	},
	{
		Code: "table-wildcard", Severity: Warning,
		Summary: "a * right after the name of a table",
		Why:     "It covers every table whose name begins so, and their indexes, where other attributes may be the partition key.",
	},
	{
		Code: "index-partition-key", Severity: SecurityWarning,
		Summary: "dynamodb:LeadingKeys covers an index with another partition key than its table",
		Why:     "In a Query of an index, the leading key is the index's: whoever may write that attribute chooses who reads the row.",
	},
}

// partitionKeys are the context keys that hold partition keys, in lower case.
var partitionKeys = map[string]bool{
	"dynamodb:leadingkeys": true, "dynamodb:firstpartitionkeyvalues": true, "dynamodb:secondpartitionkeyvalues": true,
	"dynamodb:thirdpartitionkeyvalues": true, "dynamodb:fourthpartitionkeyvalues": true,
}

// keyedActions always have dynamodb:LeadingKeys, scanning ones may lack it.
// Source: iam-semantics §6.3.
var (
	keyedActions = []string{
		"dynamodb:getitem", "dynamodb:batchgetitem", "dynamodb:query", "dynamodb:putitem", "dynamodb:updateitem", "dynamodb:deleteitem",
		"dynamodb:batchwriteitem", "dynamodb:conditioncheckitem", "dynamodb:partiqlinsert", "dynamodb:partiqlupdate", "dynamodb:partiqldelete",
	}
	scanningActions = []string{"dynamodb:scan", "dynamodb:partiqlselect"}
	readingActions  = []string{"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:Scan", "dynamodb:PartiQLSelect"}
	returnsValues   = []string{"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:PartiQLUpdate", "dynamodb:PartiQLDelete"}
)

// rowCondition looks at one condition of a statement.
func (l *linter) rowCondition(s *statement, c *condition) {
	l.userPoolSub(c)
	l.separators(c)
	if c.base == "Null" {
		return
	}
	switch allow := s.Effect == policy.Allow; {
	case !allow && c.quantifier == "ForAllValues" && l.list(c):
		l.find("deny-for-all-values", c.Operator.Pos, "the Deny fires without %s, and not when one of several values is listed", c.Key.Value)
	case allow && partitionKeys[c.key]:
		l.leadingKeys(s, c)
	case allow && c.quantifier == "ForAllValues" && l.list(c) && !guarded(s, c.key):
		l.find("null-guard", c.Operator.Pos, "a request without %s passes", c.Key.Value)
	}
	if partitionKeys[c.key] && (c.base == "StringEquals" || c.base == "StringNotEquals") {
		for _, v := range c.Values {
			if strings.ContainsAny(withoutVariables(v.Value), "*?") {
				l.find("composite-key-equals", v.Pos, "%s takes %q literally: want ForAllValues:%s", c.base, v.Value, like(c.base))
			}
		}
	}
}

// list reports whether the key of a condition is declared as a list.
func (l *linter) list(c *condition) bool {
	compiled, faults := l.Vocabulary.Compile("Null", c.Key.Value, []string{"true"}, false)
	return len(faults) == 0 && compiled.Key().List
}

// guarded reports whether the statement needs the key to be there.
func guarded(s *statement, key string) bool {
	return slices.ContainsFunc(s.conditions, func(c condition) bool {
		return c.key == key && (c.null("false") || c.quantifier == "ForAnyValue")
	})
}

func (l *linter) leadingKeys(s *statement, c *condition) {
	if c.negated() {
		l.find("leading-keys-negated", c.Operator.Pos, "every row but those listed is given")
	}
	switch {
	case c.quantifier != "ForAllValues":
		l.findFix(l.quantify(s, c), "leading-keys-quantifier", c.Operator.Pos, "%s needs ForAllValues and a Null guard, have %s", c.Key.Value, c.Operator.Value)
	case !guarded(s, c.key):
		l.findFix(l.guard(s, c), "leading-keys-null-guard", c.Operator.Pos, `a request without %s, such as a Scan, passes: want "Null": {%q: "false"}`, c.Key.Value, c.Key.Value)
	}
}

// keyed reports whether every action of the statement has leading keys, or is
// one that must not pass without them.
func keyed(s *statement) bool {
	return !s.Action.Not && !slices.ContainsFunc(s.Action.Values, func(t policy.Text) bool {
		a := strings.ToLower(t.Value)
		return !slices.Contains(keyedActions, a) && !slices.Contains(scanningActions, a)
	})
}

// guard is a fix that asks for the key to be there; nil if an action of the
// statement never has it, which the author may have meant.
func (l *linter) guard(s *statement, c *condition) *Fix {
	if edit, ok := l.nullGuard(s, c, ""); ok && keyed(s) {
		return &Fix{What: "add a Null guard", Edits: []Edit{edit}}
	}
	return nil
}

// nullGuard puts the guard where Null stands, or else before the operator of
// the condition, which it renames if operator is not empty.
func (l *linter) nullGuard(s *statement, c *condition, operator string) (Edit, bool) {
	entry := quoted(c.Key.Value) + `: "false"`
	for i := range s.conditions {
		if other := &s.conditions[i]; other.Operator.Value == "Null" {
			old, _, ok := l.token(other.Key.Pos)
			if !ok || operator != "" || slices.ContainsFunc(s.conditions, func(x condition) bool { return x.base == "Null" && x.key == c.key }) {
				return Edit{}, false
			}
			return l.before(other.Key.Pos, entry, old)
		}
	}
	old, _, ok := l.token(c.Operator.Pos)
	if !ok {
		return Edit{}, false
	}
	if operator != "" {
		old = quoted(operator)
	}
	return l.before(c.Operator.Pos, `"Null": {`+entry+`}`, old)
}

// quantify is a fix that asks of all keys what was asked of one.
func (l *linter) quantify(s *statement, c *condition) *Fix {
	operator := "ForAllValues:" + c.base
	if c.ifExists || c.negated() || !keyed(s) || !l.alone(s, c) || slices.ContainsFunc(s.conditions, func(x condition) bool { return x.Operator.Value == operator }) {
		return nil
	}
	edit, ok := l.nullGuard(s, c, operator)
	if !ok {
		return nil
	}
	return &Fix{What: "write " + operator + " and add a Null guard", Edits: []Edit{edit}}
}

// userPoolSub finds the sub of a user pool, as a key, a variable or a value.
func (l *linter) userPoolSub(c *condition) {
	if l.kind == policy.Trust {
		return // a role may be assumed with the token of a user pool
	}
	if userPoolKey(c.key) {
		l.find("user-pool-sub", c.Key.Pos, "%s is not in sessions of an identity pool: want cognito-identity.amazonaws.com:sub", c.Key.Value)
	}
	for _, v := range c.Values {
		for _, variable := range variables(v.Value) {
			if userPoolKey(strings.ToLower(variable)) {
				l.find("user-pool-sub", v.Pos, "${%s} is not in sessions of an identity pool: want ${cognito-identity.amazonaws.com:sub}", variable)
			}
		}
		if c.key == "cognito-identity.amazonaws.com:sub" && uuid(v.Value) {
			l.find("user-pool-sub", v.Pos, "%q has no region: an identity id is REGION:UUID", v.Value)
		}
	}
}

func userPoolKey(key string) bool {
	return strings.HasPrefix(key, "cognito-idp.") && strings.HasSuffix(key, ":sub")
}

// uuid reports whether s is 8-4-4-4-12 hexadecimal digits.
func uuid(s string) bool {
	parts := strings.Split(s, "-")
	if len(parts) != 5 || strings.Trim(s, "0123456789abcdefABCDEF-") != "" {
		return false
	}
	for i, n := range []int{8, 4, 4, 4, 12} {
		if len(parts[i]) != n {
			return false
		}
	}
	return true
}

// variables returns the policy variables of a text without their defaults.
func variables(s string) []string {
	var out []string
	for {
		_, rest, ok := strings.Cut(s, "${")
		if !ok {
			return out
		}
		inside, after, ok := strings.Cut(rest, "}")
		if !ok {
			return out
		}
		key, _, _ := strings.Cut(inside, ",")
		out, s = append(out, strings.TrimSpace(key)), after
	}
}

// separators finds a variable that a * follows at once, in values that are
// patterns of rows or of objects.
func (l *linter) separators(c *condition) {
	if strings.HasSuffix(c.base, "Like") && (partitionKeys[c.key] || c.key == "s3:prefix") {
		for _, v := range c.Values {
			l.separator(v.Text)
		}
	}
}

func (l *linter) separator(t policy.Text) {
	if !l.doc.Variables() {
		return
	}
	before, _, found := strings.Cut(t.Value, "}*")
	i := strings.LastIndex(before, "${")
	if found && i >= 0 && strings.Contains(before[i:], ":") {
		l.find("prefix-without-separator", t.Pos, "%q also covers what belongs to longer values: want a separator before the *", t.Value)
	}
}

// attributes looks at what a statement with dynamodb:Attributes returns.
func (l *linter) attributes(s *statement) {
	for i := range s.conditions {
		c := &s.conditions[i]
		if s.Effect != policy.Allow || c.key != "dynamodb:attributes" || c.base == "Null" || c.negated() {
			continue
		}
		l.within(c, func() {
			l.keyAttributes(s, c)
			if a := l.first(s, readingActions); a != "" && !s.reads("dynamodb:select") {
				l.find("attributes-without-select", c.Key.Pos, "%s that names no attributes returns all of them", a)
			}
			if a := l.first(s, returnsValues); a != "" && !s.reads("dynamodb:returnvalues") {
				l.find("attributes-without-return-values", c.Key.Pos, "%s may return every attribute", a)
			}
		})
		return
	}
}

// first returns the first of the actions that the statement covers.
func (l *linter) first(s *statement, actions []string) string {
	for _, a := range actions {
		if l.covers(s, a) {
			return a
		}
	}
	return ""
}

func (l *linter) keyAttributes(s *statement, c *condition) {
	missing := func(what string, attributes ...string) {
		for _, a := range attributes {
			listed := slices.ContainsFunc(c.Values, func(v policy.Value) bool { return v.Value == a || glob(v.Value, a) })
			if a != "" && !listed {
				l.find("attributes-without-key", c.Key.Pos, "%s is a key attribute of %s and is not listed", a, what)
			}
		}
	}
	for i := range l.Tables {
		t := &l.Tables[i]
		if l.reaches(s, t.ARN) {
			missing(tableOf(t.ARN), t.PartitionKey, t.SortKey)
		}
	}
}

func tableOf(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

// reaches reports whether a resource of the statement covers an ARN. "*" alone
// is not meant.
func (l *linter) reaches(s *statement, arn string) bool {
	return !s.Resource.Not && slices.ContainsFunc(s.Resource.Values, func(t policy.Text) bool { return t.Value != "*" && glob(t.Value, arn) })
}

// arns looks at the resources of a statement.
func (l *linter) arns(s *statement) {
	leading := slices.ContainsFunc(s.conditions, func(c condition) bool { return partitionKeys[c.key] && c.base != "Null" })
	l.in(name("Resource", &s.Resource), func() {
		for _, t := range s.Resource.Values {
			if s.Effect != policy.Allow || s.Resource.Not {
				return
			}
			l.separator(t)
			if table, ok := tablePart(t.Value); ok && leading && strings.HasSuffix(table, "*") && strings.Trim(table, "*?") != "" && !strings.Contains(table, "/") {
				l.find("table-wildcard", t.Pos, "%q covers other tables, and the indexes of all", t.Value)
			}
			if leading {
				l.indexes(t)
			}
		}
	})
}

// tablePart returns what follows table/ in the ARN of a table.
func tablePart(arn string) (string, bool) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[2] != "dynamodb" {
		return "", false
	}
	return strings.CutPrefix(parts[5], "table/")
}

func (l *linter) indexes(t policy.Text) {
	for i := range l.Tables {
		table := &l.Tables[i]
		for _, x := range table.Indexes {
			if x.PartitionKey != table.PartitionKey && t.Value != "*" && glob(t.Value, table.ARN+"/index/"+x.Name) {
				l.find("index-partition-key", t.Pos, "the leading key of the index %s is %s, that of the table %s", x.Name, x.PartitionKey, table.PartitionKey)
			}
		}
	}
}

// maxPairs is how many pairs of values of a document are compared.
const maxPairs = 200_000

// scans finds statements that let everything be read beside those that limit
// rows.
func (l *linter) scans() {
	var limited, open []*statement
	for i := range l.doc.Statements {
		s := l.statementOf(i)
		if s.Effect != policy.Allow {
			continue
		}
		leading := slices.ContainsFunc(s.conditions, func(c condition) bool { return partitionKeys[c.key] })
		switch {
		case leading:
			limited = append(limited, s)
		case !s.reads("dynamodb:fulltablescan") && l.first(s, []string{"dynamodb:Scan", "dynamodb:PartiQLSelect"}) != "":
			open = append(open, s)
		}
	}
	pairs := 0
	for _, o := range open {
		for _, s := range limited {
			if pairs += len(o.Resource.Values) * len(s.Resource.Values); pairs > maxPairs {
				return
			}
			if overlap(&o.Resource, &s.Resource) && !l.denied() {
				a := l.first(o, []string{"dynamodb:Scan", "dynamodb:PartiQLSelect"})
				l.find("scan-beside-leading-keys", o.Pos, "%s is allowed here on what statement %d limits by leading keys", a, s.Index)
				break
			}
		}
	}
}

// denied reports whether the document denies scans without a condition.
func (l *linter) denied() bool {
	for i := range l.doc.Statements {
		s := l.statementOf(i)
		if s.Effect == policy.Deny && len(s.conditions) == 0 && s.Principal == nil && l.covers(s, "dynamodb:Scan") && l.covers(s, "dynamodb:PartiQLSelect") &&
			!s.Resource.Not && slices.ContainsFunc(s.Resource.Values, func(t policy.Text) bool { return t.Value == "*" }) {
			return true
		}
	}
	return false
}

// overlap reports whether two elements may cover the same resource. It errs
// towards yes.
func overlap(a, b *policy.Element) bool {
	if a.Not || b.Not {
		return true
	}
	for _, x := range a.Values {
		for _, y := range b.Values {
			if glob(x.Value, y.Value) || glob(y.Value, x.Value) {
				return true
			}
		}
	}
	return false
}

// glob reports whether a pattern with * and ? covers a text, which may be a
// pattern itself.
func glob(pattern, text string) bool {
	p, t, star, mark := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
