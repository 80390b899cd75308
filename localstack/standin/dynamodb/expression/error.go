package expression

import "fmt"

// Refusal says what is wrong with a request, in the words that its sender reads.
type Refusal struct {
	Message   string
	Malformed bool // not even of the wire's form: a SerializationException, else a ValidationException
}

func (e *Refusal) Error() string { return e.Message }

func unlawful(format string, args ...any) error {
	return &Refusal{Message: fmt.Sprintf(format, args...)}
}

func malformed(format string, args ...any) error {
	return &Refusal{Message: fmt.Sprintf(format, args...), Malformed: true}
}
