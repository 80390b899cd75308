package stack

import (
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudfront"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"

	"zapas/infra/policy"
	"zapas/shared/api"
)

// address is where people and phones find everything: the console, and the API below /v1.
func (d *deployment) address() string {
	if h := d.settings.Console.Host; h != "" {
		return "https://" + h
	}
	return "https://${Distribution.DomainName}"
}

// accessLog is what is written of each request: who is not in it, nor a path with an id.
const accessLog = `{"requestId":"$context.requestId","time":"$context.requestTime","route":"$context.routeKey","status":"$context.status",` +
	`"authorizer":"$context.authorizer.error","integration":"$context.integrationErrorMessage","milliseconds":"$context.responseLatency","bytes":"$context.responseLength"}`

// api is the HTTP API, with every route of the contract. What comes to it from another page's address is only let through
// where the console has a host of its own: elsewhere console and API are one address, and nothing needs to.
func (d *deployment) api() {
	cors := &awsapigatewayv2.CfnApi_CorsProperty{AllowMethods: texts("GET", "POST", "PUT", "PATCH", "DELETE"), MaxAge: number(3600),
		AllowHeaders:  texts("authorization", "content-type", "if-match", "idempotency-key"),
		ExposeHeaders: texts("etag", "link", "location", "retry-after")}
	props := &awsapigatewayv2.CfnApiProps{Name: text(d.settings.Stack()), ProtocolType: text("HTTP"), Description: text("Zapas: console and phones")}
	if h := d.settings.Console.Host; h != "" {
		cors.AllowOrigins = texts("https://" + h)
		props.CorsConfiguration = cors
	}
	awsapigatewayv2.NewCfnApi(d.stack, text("Api"), props)
	p := d.provider()
	awsapigatewayv2.NewCfnAuthorizer(d.stack, text("Authorizer"), &awsapigatewayv2.CfnAuthorizerProps{ApiId: text("${Api}"), AuthorizerType: text("JWT"), Name: text("console"),
		IdentitySource:   texts("$request.header.Authorization"),
		JwtConfiguration: &awsapigatewayv2.CfnAuthorizer_JWTConfigurationProperty{Issuer: text(p.issuer), Audience: texts(p.audience...)}})
	for _, f := range answering {
		awsapigatewayv2.NewCfnIntegration(d.stack, text("Integration"+title(f)), &awsapigatewayv2.CfnIntegrationProps{ApiId: text("${Api}"), IntegrationType: text("AWS_PROXY"),
			IntegrationUri: text("${Function" + title(f) + ".Arn}"), PayloadFormatVersion: text("2.0"), TimeoutInMillis: number(12_000)})
	}
	for _, r := range api.Routes {
		route := &awsapigatewayv2.CfnRouteProps{ApiId: text("${Api}"), RouteKey: text(r.Key()), OperationName: text(r.Operation), AuthorizationType: text("NONE"),
			Target: text("integrations/${Integration" + title(r.Function) + "}")}
		if r.Auth == api.AuthConsole {
			route.AuthorizationType, route.AuthorizerId = text("JWT"), text("${Authorizer}")
		}
		awsapigatewayv2.NewCfnRoute(d.stack, text("Route"+title(r.Operation)), route)
	}
	awslogs.NewCfnLogGroup(d.stack, text("LogsApi"), &awslogs.CfnLogGroupProps{RetentionInDays: number(d.settings.LogRetentionDays)})
	awsapigatewayv2.NewCfnStage(d.stack, text("Stage"), &awsapigatewayv2.CfnStageProps{ApiId: text("${Api}"), StageName: text("$default"), AutoDeploy: jsii.Bool(true),
		AccessLogSettings:    &awsapigatewayv2.CfnStage_AccessLogSettingsProperty{DestinationArn: text("${LogsApi.Arn}"), Format: text(accessLog)},
		DefaultRouteSettings: &awsapigatewayv2.CfnStage_RouteSettingsProperty{ThrottlingRateLimit: number(d.settings.Throttling.Rate), ThrottlingBurstLimit: number(d.settings.Throttling.Burst)}})
}

// CloudFront's own policies, by their fixed ids (developer guide, "Use managed cache policies", "Use managed origin request
// policies").
const (
	cachingOptimized          = "658327ea-f89d-4fab-a63d-7e88639e58f6"
	cachingDisabled           = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
	allViewerExceptHostHeader = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
)

// console is where the console's files are, and the one address of everything.
func (d *deployment) console() {
	d.bucket(bucketKind{id: "Console", logged: true, noncurrent: 14, statements: policy.Console()})
	awscloudfront.NewCfnOriginAccessControl(d.stack, text("OriginAccess"), &awscloudfront.CfnOriginAccessControlProps{
		OriginAccessControlConfig: &awscloudfront.CfnOriginAccessControl_OriginAccessControlConfigProperty{Name: text("${AWS::StackName}-${AWS::Region}"),
			OriginAccessControlOriginType: text("s3"), SigningBehavior: text("always"), SigningProtocol: text("sigv4")}})
	d.headers()
	config := &awscloudfront.CfnDistribution_DistributionConfigProperty{
		Enabled: jsii.Bool(true), Comment: text("Zapas: console and API"), DefaultRootObject: text("index.html"), HttpVersion: text("http2and3"), PriceClass: text("PriceClass_100"),
		Origins: &[]any{
			&awscloudfront.CfnDistribution_OriginProperty{Id: text("console"), DomainName: text("${Console.RegionalDomainName}"), OriginAccessControlId: text("${OriginAccess}"),
				S3OriginConfig: &awscloudfront.CfnDistribution_S3OriginConfigProperty{OriginAccessIdentity: text("")}},
			&awscloudfront.CfnDistribution_OriginProperty{Id: text("api"), DomainName: text("${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}"),
				CustomOriginConfig: &awscloudfront.CfnDistribution_CustomOriginConfigProperty{OriginProtocolPolicy: text("https-only"), OriginSslProtocols: texts("TLSv1.2")}},
		},
		DefaultCacheBehavior: &awscloudfront.CfnDistribution_DefaultCacheBehaviorProperty{TargetOriginId: text("console"), ViewerProtocolPolicy: text("redirect-to-https"),
			CachePolicyId: text(cachingOptimized), ResponseHeadersPolicyId: text("${ConsoleHeaders}"), Compress: jsii.Bool(true), AllowedMethods: texts("GET", "HEAD")},
		CacheBehaviors: &[]any{&awscloudfront.CfnDistribution_CacheBehaviorProperty{PathPattern: text("/v1/*"), TargetOriginId: text("api"), ViewerProtocolPolicy: text("https-only"),
			CachePolicyId: text(cachingDisabled), OriginRequestPolicyId: text(allViewerExceptHostHeader),
			AllowedMethods: texts("GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE")}},
		ViewerCertificate: &awscloudfront.CfnDistribution_ViewerCertificateProperty{CloudFrontDefaultCertificate: jsii.Bool(true)},
	}
	if c := d.settings.Console; c.Host != "" {
		config.Aliases = texts(c.Host)
		config.ViewerCertificate = &awscloudfront.CfnDistribution_ViewerCertificateProperty{AcmCertificateArn: text(c.Certificate), SslSupportMethod: text("sni-only"), MinimumProtocolVersion: text("TLSv1.2_2021")}
	}
	awscloudfront.NewCfnDistribution(d.stack, text("Distribution"), &awscloudfront.CfnDistributionProps{DistributionConfig: config})
}

// headers keep a browser from running, framing or telling anything that is not the console's own.
func (d *deployment) headers() {
	signIn := d.signIn()
	if d.settings.Issuer == nil { // a user pool describes itself elsewhere than it signs people in
		signIn += " https://cognito-idp.${AWS::Region}.${AWS::URLSuffix}"
	}
	csp := "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self' " + signIn +
		"; form-action 'self' " + signIn + "; base-uri 'none'; frame-ancestors 'none'"
	awscloudfront.NewCfnResponseHeadersPolicy(d.stack, text("ConsoleHeaders"), &awscloudfront.CfnResponseHeadersPolicyProps{
		ResponseHeadersPolicyConfig: &awscloudfront.CfnResponseHeadersPolicy_ResponseHeadersPolicyConfigProperty{Name: text("${AWS::StackName}-${AWS::Region}"),
			SecurityHeadersConfig: &awscloudfront.CfnResponseHeadersPolicy_SecurityHeadersConfigProperty{
				ContentSecurityPolicy:   &awscloudfront.CfnResponseHeadersPolicy_ContentSecurityPolicyProperty{ContentSecurityPolicy: text(csp), Override: jsii.Bool(true)},
				ContentTypeOptions:      &awscloudfront.CfnResponseHeadersPolicy_ContentTypeOptionsProperty{Override: jsii.Bool(true)},
				FrameOptions:            &awscloudfront.CfnResponseHeadersPolicy_FrameOptionsProperty{FrameOption: text("DENY"), Override: jsii.Bool(true)},
				ReferrerPolicy:          &awscloudfront.CfnResponseHeadersPolicy_ReferrerPolicyProperty{ReferrerPolicy: text("no-referrer"), Override: jsii.Bool(true)},
				StrictTransportSecurity: &awscloudfront.CfnResponseHeadersPolicy_StrictTransportSecurityProperty{AccessControlMaxAgeSec: number(63_072_000), IncludeSubdomains: jsii.Bool(false), Override: jsii.Bool(true)},
			}}})
}
