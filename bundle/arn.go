package bundle

import "strings"

// splitARN returns the six parts of an ARN. It takes no memory, since it is
// asked about the resource of every request.
func splitARN(arn string) (parts [6]string, ok bool) {
	for i := range 5 {
		if parts[i], arn, ok = strings.Cut(arn, ":"); !ok {
			return parts, false
		}
	}
	parts[5] = arn
	return parts, true
}
