package gateway

import (
	"regexp"
	"strconv"
	"strings"

	"zapas/shared/fault"
)

// ETag is a version as answers have it.
func ETag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// entityTag is a strong one (RFC 9110, 8.8.3), in ASCII.
var entityTag = regexp.MustCompile(`^"[!#-~]*"$`)

// Version is the one that the caller means to change, by the ETag in If-Match (RFC 9110, 13.1.1); fault.Unversioned when
// he does not say which. For an ETag that was never given it is one that never was.
func (r Request) Version() (int64, error) {
	const none = -1
	switch {
	case r.ifMatch == "":
		return none, fault.New(fault.Unversioned, "version_required", "If-Match: it is missing; send the ETag of what you read.")
	case !entityTag.MatchString(r.ifMatch):
		return none, fault.Fields([]fault.Field{{Pointer: "If-Match", Code: "invalid", Detail: "it must be one ETag, that of what you read"}})
	}
	if version, err := strconv.ParseInt(strings.Trim(r.ifMatch, `"`), 10, 64); err == nil && ETag(version) == r.ifMatch {
		return version, nil
	}
	return none, nil
}
