package iam

import (
	"strings"
	"unicode/utf8"
)

// like says whether text matches a pattern in which * stands for any characters and ? for one.
func like(pattern, text string) bool {
	p, t := 0, 0
	star, resume := -1, 0 // the last *, and how much of the text it has been given
	for t < len(text) {
		_, size := utf8.DecodeRuneInString(text[t:])
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, resume = p, t
			p++
		case p < len(pattern) && pattern[p] == '?':
			p++
			t += size
		case p < len(pattern) && pattern[p] == text[t]:
			p++
			t++
		case star >= 0:
			_, size = utf8.DecodeRuneInString(text[resume:])
			resume += size
			p, t = star+1, resume
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// likeAction matches an action's name, in which case does not count.
func likeAction(pattern, action string) bool {
	return like(strings.ToLower(pattern), strings.ToLower(action))
}

// arnParts is how many parts an ARN has; only the last may itself hold colons.
const arnParts = 6

// likeARN matches part by part: no wildcard reaches over a colon that divides two parts.
func likeARN(pattern, arn string) bool {
	patterns, parts := strings.SplitN(pattern, ":", arnParts), strings.SplitN(arn, ":", arnParts)
	if len(patterns) != arnParts || len(parts) != arnParts {
		return false
	}
	for i := range parts {
		if !like(patterns[i], parts[i]) {
			return false
		}
	}
	return true
}

func isARN(s string) bool {
	return strings.HasPrefix(s, "arn:") && len(strings.SplitN(s, ":", arnParts)) == arnParts
}

// accountOf is the account that an ARN names; S3's name none.
func accountOf(arn string) string {
	if parts := strings.SplitN(arn, ":", arnParts); len(parts) == arnParts {
		return parts[4]
	}
	return ""
}
