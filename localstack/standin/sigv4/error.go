package sigv4

import "net/http"

// An Error is a refusal in the words of AWS: its code, HTTP status and a message.
type Error struct {
	Code    string
	Message string
	Status  int
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// A reason is why a request is refused; each service family has a code for it.
type reason int

const (
	anonymous reason = iota
	malformed
	unsupported
	unknownKey
	tokenGiven
	skewed
	expired
	notYetValid
	mismatch
	wrongScope
	headersNotSigned
	payloadMissing
	payloadInvalid
	payloadMismatch
	payloadTooLong
	payloadUnread
)

const mismatchText = "The request signature we calculated does not match the signature you provided. Check your key and signing method."

// s3Refusals are the codes of the page "Error responses" of the Amazon S3 API Reference.
func s3Refusals(why reason) Error {
	switch why {
	case anonymous:
		return Error{"AccessDenied", "Access Denied", http.StatusForbidden}
	case malformed, wrongScope:
		return Error{"AuthorizationHeaderMalformed", "The authorization header is malformed", http.StatusBadRequest}
	case unsupported:
		return Error{"InvalidRequest", "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.", http.StatusBadRequest}
	case unknownKey:
		return Error{"InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", http.StatusForbidden}
	case tokenGiven:
		return Error{"InvalidToken", "The provided token is malformed or otherwise invalid.", http.StatusBadRequest}
	case skewed:
		return Error{"RequestTimeTooSkewed", "The difference between the request time and the current time is too large.", http.StatusForbidden}
	case expired:
		return Error{"AccessDenied", "Request has expired", http.StatusForbidden}
	case notYetValid:
		return Error{"AccessDenied", "Request is not yet valid", http.StatusForbidden}
	case mismatch:
		return Error{"SignatureDoesNotMatch", mismatchText, http.StatusForbidden}
	case headersNotSigned:
		return Error{"AccessDenied", "There were headers present in the request which were not signed", http.StatusForbidden}
	case payloadMissing:
		return Error{"InvalidRequest", "Missing required header for this request: x-amz-content-sha256", http.StatusBadRequest}
	case payloadInvalid:
		return Error{"InvalidArgument", "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, or a valid sha256 value.", http.StatusBadRequest}
	case payloadMismatch:
		return Error{"XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.", http.StatusBadRequest}
	case payloadTooLong:
		return Error{"EntityTooLarge", "Your proposed upload exceeds the maximum allowed size of a body with a signed hash.", http.StatusBadRequest}
	}
	return Error{"IncompleteBody", "The request body terminated unexpectedly", http.StatusBadRequest}
}

// jsonRefusals are the codes of the page "Common Error Types" of the DynamoDB and KMS API References.
func jsonRefusals(why reason) Error {
	switch why {
	case anonymous:
		return Error{"MissingAuthenticationTokenException", "Request is missing Authentication Token", http.StatusBadRequest}
	case malformed, unsupported:
		return Error{"IncompleteSignatureException", "The request signature does not conform to AWS standards", http.StatusBadRequest}
	case unknownKey, tokenGiven:
		return Error{"UnrecognizedClientException", "The security token included in the request is invalid.", http.StatusBadRequest}
	case skewed, expired:
		return Error{"InvalidSignatureException", "Signature expired", http.StatusBadRequest}
	case notYetValid:
		return Error{"InvalidSignatureException", "Signature not yet current", http.StatusBadRequest}
	case wrongScope:
		return Error{"InvalidSignatureException", "Credential should be scoped correctly", http.StatusBadRequest}
	case headersNotSigned:
		return Error{"InvalidSignatureException", "Headers that must be a 'SignedHeader' in the AWS Authorization were not", http.StatusBadRequest}
	case payloadTooLong:
		return Error{"RequestEntityTooLargeException", "The request is too large.", http.StatusRequestEntityTooLarge}
	case payloadUnread:
		return Error{"SerializationException", "The request body terminated unexpectedly", http.StatusBadRequest}
	}
	return Error{"InvalidSignatureException", mismatchText, http.StatusBadRequest}
}

// refuse words a refusal for the claim's service.
func (c *claim) refuse(why reason, detail string) error {
	e := jsonRefusals(why)
	if c.service == S3 {
		e = s3Refusals(why)
		if c.presigned && (why == malformed || why == wrongScope) {
			e.Code, e.Message = "AuthorizationQueryParametersError", "Error parsing the query parameters of the signature"
		}
	}
	if detail != "" {
		e.Message += ": " + detail
	}
	return &e
}
