package engine_test

import "strings"

func isRoleARN(arn string) bool {
	parts := strings.SplitN(arn, ":", 6)
	return len(parts) == 6 && parts[2] == "iam" && strings.HasPrefix(parts[5], "role/")
}

func arnAccount(arn string) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		return parts[4]
	}
	return ""
}

func foldEqual(a, b string) bool { return strings.EqualFold(a, b) }

func beforeColon(s string) string {
	before, _, _ := strings.Cut(s, ":")
	return before
}
