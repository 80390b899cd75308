package apigateway

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// parseAnswer reads what a function returned. JSON without a statusCode is the body of a 200 (developer guide, "Lambda
// function response for format 2.0").
func parseAnswer(payload []byte) (answer, error) {
	var members map[string]json.RawMessage
	var text string
	switch {
	case json.Unmarshal(payload, &members) == nil && members["statusCode"] != nil:
		return parseResponse(payload)
	case json.Unmarshal(payload, &text) == nil && !bytes.Equal(bytes.TrimSpace(payload), []byte("null")):
		payload = []byte(text)
	case !json.Valid(payload):
		return answer{}, errors.New("it is not JSON")
	}
	return answer{http.StatusOK, http.Header{"Content-Type": {"application/json"}}, payload}, nil
}

func parseResponse(payload []byte) (answer, error) {
	var given struct {
		StatusCode      int
		Headers         map[string]string
		Cookies         []string
		Body            string
		IsBase64Encoded bool
	}
	if err := json.Unmarshal(payload, &given); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) { // its text would name what the function answered
			return answer{}, fmt.Errorf("its member %s has the wrong type", wrong.Field)
		}
		return answer{}, errors.New("its members cannot be read")
	}
	if given.StatusCode < 200 || given.StatusCode > 599 {
		return answer{}, fmt.Errorf("its statusCode is %d", given.StatusCode)
	}
	ans := answer{given.StatusCode, http.Header{}, []byte(given.Body)}
	if given.IsBase64Encoded {
		var err error
		if ans.body, err = base64.StdEncoding.DecodeString(given.Body); err != nil {
			return answer{}, errors.New("its body is said to be base64 and is not")
		}
	}
	for name, value := range given.Headers {
		ans.header.Set(name, value)
	}
	for _, own := range []string{"Connection", "Content-Length", "Transfer-Encoding"} {
		ans.header.Del(own) // the connection to the client is ours
	}
	for _, cookie := range given.Cookies {
		ans.header.Add("Set-Cookie", cookie)
	}
	if len(ans.body) > 0 && ans.header.Get("Content-Type") == "" {
		ans.header.Set("Content-Type", "text/plain;charset=UTF-8")
	}
	return ans, nil
}
