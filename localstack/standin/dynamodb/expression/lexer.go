package expression

import "strings"

// The kinds of token; a symbol's kind is its own text.
const (
	tokenWord   = "word"   // a bare name, keyword or function
	tokenName   = "name"   // #placeholder
	tokenRef    = "ref"    // :placeholder
	tokenDigits = "digits" // a list index
	tokenBad    = "bad"
	tokenEnd    = "end"
)

type token struct {
	kind       string
	text       string
	start, end int // in the expression
}

// keyword says whether the token is that keyword, in any letter case.
func (t token) keyword(word string) bool {
	return t.kind == tokenWord && strings.EqualFold(t.text, word)
}

// lex cuts an expression into tokens; the last is always tokenEnd.
func lex(text string) []token {
	var tokens []token
	for at := 0; at < len(text); {
		if strings.IndexByte(" \t\r\n", text[at]) >= 0 {
			at++
			continue
		}
		t := next(text, at)
		tokens = append(tokens, t)
		at = t.end
	}
	return append(tokens, token{kind: tokenEnd, text: "<EOF>", start: len(text), end: len(text)})
}

func next(text string, at int) token {
	kind, length := tokenBad, 1
	switch c := text[at]; {
	case isLetter(c):
		kind, length = tokenWord, 1+run(text[at+1:], isNameByte)
	case isDigit(c):
		kind, length = tokenDigits, 1+run(text[at+1:], isDigit)
	case c == '#', c == ':':
		if length = 1 + run(text[at+1:], isNameByte); length > 1 {
			kind = tokenName
			if c == ':' {
				kind = tokenRef
			}
		}
	default:
		for _, symbol := range []string{"<>", "<=", ">=", "=", "<", ">", "(", ")", "[", "]", ",", ".", "+", "-"} {
			if strings.HasPrefix(text[at:], symbol) {
				kind, length = symbol, len(symbol)
				break
			}
		}
	}
	return token{kind: kind, text: text[at : at+length], start: at, end: at + length}
}

// run is how many bytes at the start of text are of a class.
func run(text string, class func(byte) bool) int {
	for i := range len(text) {
		if !class(text[i]) {
			return i
		}
	}
	return len(text)
}

func isDigit(c byte) bool    { return c >= '0' && c <= '9' }
func isLetter(c byte) bool   { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func isNameByte(c byte) bool { return isLetter(c) || isDigit(c) || c == '_' }
