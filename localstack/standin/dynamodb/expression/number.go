package expression

import (
	"math/big"
	"strconv"
	"strings"
)

// Limits of the number type: page "Supported data types and naming rules in Amazon DynamoDB".
const (
	maxDigits   = 38
	maxExponent = 125
	minExponent = -130
)

// number is a decimal in one form only: d.ddd x 10^exp, digits without zeros at
// either end; zero has no digits and no sign.
type number struct {
	negative bool
	digits   string
	exp      int
}

// parseNumber reads what DynamoDB accepts as a number: a sign, digits with one
// point anywhere, an exponent.
func parseNumber(text string) (number, error) {
	rest := text
	var n number
	if rest != "" && (rest[0] == '-' || rest[0] == '+') {
		n.negative = rest[0] == '-'
		rest = rest[1:]
	}
	mantissa, exponent, ok := cutExponent(rest)
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := whole + fraction
	if !ok || digits == "" || !onlyDigits(digits) {
		return number{}, unlawful("The parameter cannot be converted to a numeric value: %s", text)
	}
	significant := strings.TrimLeft(digits, "0")
	n.exp = exponent + len(whole) - 1 - (len(digits) - len(significant))
	n.digits = strings.TrimRight(significant, "0")
	switch {
	case n.digits == "":
		return number{}, nil
	case len(n.digits) > maxDigits:
		return number{}, unlawful("Attempting to store more than 38 significant digits in a Number")
	case n.exp > maxExponent:
		return number{}, unlawful("Number overflow. Attempting to store a number with magnitude larger than supported range")
	case n.exp < minExponent:
		return number{}, unlawful("Number underflow. Attempting to store a number with magnitude smaller than supported range")
	}
	return n, nil
}

// cutExponent splits "1.5e-7" into "1.5" and -7. An exponent too long to matter
// is cut to a billion, which is out of range with whatever digits a request can hold
// before it.
func cutExponent(text string) (mantissa string, exponent int, ok bool) {
	at := strings.IndexAny(text, "eE")
	if at < 0 {
		return text, 0, true
	}
	digits := text[at+1:]
	sign := 1
	if digits != "" && (digits[0] == '-' || digits[0] == '+') {
		if digits[0] == '-' {
			sign = -1
		}
		digits = digits[1:]
	}
	if digits == "" || !onlyDigits(digits) {
		return "", 0, false
	}
	digits = strings.TrimLeft(digits, "0")
	if len(digits) > 9 {
		digits = "1000000000"
	}
	exponent, _ = strconv.Atoi("0" + digits)
	return text[:at], sign * exponent, true
}

func onlyDigits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return true
}

// String is the form DynamoDB returns: plain digits, never an exponent.
func (n number) String() string {
	if n.digits == "" {
		return "0"
	}
	sign := ""
	if n.negative {
		sign = "-"
	}
	switch trailing := n.exp - len(n.digits) + 1; {
	case trailing >= 0:
		return sign + n.digits + strings.Repeat("0", trailing)
	case n.exp >= 0:
		return sign + n.digits[:n.exp+1] + "." + n.digits[n.exp+1:]
	default:
		return sign + "0." + strings.Repeat("0", -n.exp-1) + n.digits
	}
}

// key is a number's sort key: its bytes compare as the numbers do, and no key is
// the beginning of another. Sign, exponent, digits two to a byte (1 to 100), a
// closing 0; all but the sign complemented for a negative number.
func (n number) key() []byte {
	if n.digits == "" {
		return []byte{1}
	}
	key := []byte{2, byte(n.exp - minExponent)}
	for i := 0; i < len(n.digits); i += 2 {
		pair := (n.digits[i] - '0') * 10
		if i+1 < len(n.digits) {
			pair += n.digits[i+1] - '0'
		}
		key = append(key, pair+1)
	}
	key = append(key, 0)
	if n.negative {
		key[0] = 0
		for i := 1; i < len(key); i++ {
			key[i] = ^key[i]
		}
	}
	return key
}

// size is what the number counts for in an item's size: page "DynamoDB item sizes and formats".
func (n number) size() int { return (len(n.digits)+1)/2 + 1 }

// plus adds two numbers; a sum that needs more than 38 digits is an overflow.
func (n number) plus(other number) (number, error) {
	unit := min(n.unit(), other.unit())
	sum := new(big.Int).Add(n.scaled(unit), other.scaled(unit))
	result, err := parseNumber(sum.String() + "e" + strconv.Itoa(unit))
	if err != nil {
		return number{}, unlawful("Number overflow. Attempting to store a number with magnitude larger than supported range")
	}
	return result, nil
}

func (n number) minus(other number) (number, error) {
	other.negative = !other.negative
	return n.plus(other)
}

// unit is the exponent of the last digit.
func (n number) unit() int { return n.exp - max(len(n.digits)-1, 0) }

// scaled is the number as an integer of 10^unit.
func (n number) scaled(unit int) *big.Int {
	whole, _ := new(big.Int).SetString("0"+n.digits, 10)
	whole.Mul(whole, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n.unit()-unit)), nil))
	if n.negative {
		whole.Neg(whole)
	}
	return whole
}

// mustNumber reads a number that was canonicalised when it came in.
func mustNumber(canonical string) number {
	n, err := parseNumber(canonical)
	if err != nil {
		panic("a stored number is not canonical: " + err.Error())
	}
	return n
}
