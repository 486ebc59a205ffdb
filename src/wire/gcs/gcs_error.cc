#include "wire/gcs/gcs_error.h"

#include <fmt/format.h>

#include <array>

#include "wire/gcs/json_text.h"

namespace hodei::wire::gcs {
namespace {

std::string_view DefaultReason(int http_status) {
  switch (http_status) {
    case 400:
      return "invalid";
    case 401:
      return "required";
    case 403:
      return "forbidden";
    case 404:
      return "notFound";
    case 409:
      return "conflict";
    case 410:
      return "gone";
    case 411:
      return "required";
    case 412:
      return "conditionNotMet";
    case 413:
      return "uploadTooLarge";
    case 416:
      return "requestedRangeNotSatisfiable";
    case 429:
      return "rateLimitExceeded";
    case 501:
      return "notImplemented";
    case 503:
    case 507:
      return "backendError";
    default:
      return "internalError";
  }
}

// Reasons that have an XML code of their own, whatever the status.
std::string_view XmlCodeOfReason(std::string_view reason) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 14> kCodes = {
      {{"badDigest", "BadDigest"},
       {"signatureDoesNotMatch", "SignatureDoesNotMatch"},
       {"expiredToken", "ExpiredToken"},
       {"contentSha256Mismatch", "XAmzContentSHA256Mismatch"},
       {"malformedXml", "MalformedXML"},
       {"malformedPolicy", "InvalidPolicyDocument"},
       {"invalidBucketName", "InvalidBucketName"},
       {"entityTooSmall", "EntityTooSmall"},
       {"entityTooLarge", "EntityTooLarge"},
       {"noSuchUpload", "NoSuchUpload"},
       {"invalidPart", "InvalidPart"},
       {"invalidPartOrder", "InvalidPartOrder"},
       {"noSuchCors", "NoSuchCORSConfiguration"},
       {"noSuchTagging", "NoSuchTagSet"}}};
  for (const auto& [name, code] : kCodes) {
    if (name == reason) return code;
  }
  return {};
}

std::string_view XmlCode(const Status& status, int http_status, bool about_object) {
  if (const std::string_view own = XmlCodeOfReason(status.reason()); !own.empty()) return own;
  switch (http_status) {
    case 400:
      return "InvalidArgument";
    case 401:
      return "AuthenticationRequired";
    case 403:
      return "AccessDenied";
    case 404:
      if (status.message().starts_with("The upload session")) return "NoSuchUpload";
      return about_object && status.message().starts_with("No such object") ? "NoSuchKey"
                                                                            : "NoSuchBucket";
    case 405:
      return "MethodNotAllowed";
    case 409:
      return status.code() == Code::kAlreadyExists ? "BucketAlreadyOwnedByYou" : "BucketNotEmpty";
    case 411:
      return "MissingContentLength";
    case 412:
      return "PreconditionFailed";
    case 413:
      return "EntityTooLarge";
    case 416:
      return "InvalidRange";
    case 429:
      return "SlowDown";
    case 501:
      return "NotImplemented";
    case 503:
    case 507:
      return "ServiceUnavailable";
    default:
      return "InternalError";
  }
}

// What went wrong inside is for the log, not for the caller.
std::string PublicMessage(const Status& status, int http_status) {
  if (http_status == 500) return "We encountered an internal error. Please try again.";
  if (http_status == 507) return "The server has no space left for this request.";
  return status.message();
}

// What every error says beside its text: how to be let in, and when to come again.
void AddAdvice(net::HttpResponse* response) {
  const int status = response->status;
  if (status == 401) response->headers.Add("WWW-Authenticate", "Bearer");
  if (status == 503 || status == 507 || status == 429) response->headers.Add("Retry-After", "1");
  Harden(response);
}

}  // namespace

int HttpStatusOf(const Status& status) {
  const std::string& reason = status.reason();
  if (reason == "conditionNotMet") return 412;
  if (reason == "notModified") return 304;
  if (reason == "requestedRangeNotSatisfiable") return 416;
  if (reason == "uploadTooLarge") return 413;
  if (reason == "methodNotAllowed") return 405;
  if (reason == "lengthRequired") return 411;
  if (reason == "gone") return 410;
  switch (status.code()) {
    case Code::kFailedPrecondition:
      return 400;
    case Code::kOutOfRange:
      return 400;
    case Code::kResourceExhausted:
      return reason == "rateLimitExceeded" ? 429 : 507;
    case Code::kUnavailable:
      return 503;
    case Code::kDataLoss:
      return 500;
    default:
      return HttpStatus(status.code());
  }
}

void Harden(net::HttpResponse* response) {
  if (!response->headers.Has("X-Content-Type-Options")) {
    response->headers.Add("X-Content-Type-Options", "nosniff");
  }
}

net::HttpResponse JsonError(const Status& status) {
  net::HttpResponse response;
  response.status = HttpStatusOf(status);
  if (response.status == 304) return response;
  const std::string message = JsonQuote(PublicMessage(status, response.status));
  const std::string_view reason = status.reason().empty() || response.status == 507
                                      ? DefaultReason(response.status)
                                      : std::string_view(status.reason());
  const char* location =
      response.status == 401 ? R"(,"locationType":"header","location":"Authorization")" : "";
  response.headers.Add("Content-Type", "application/json; charset=UTF-8");
  response.headers.Add("Cache-Control", "no-cache, no-store, max-age=0, must-revalidate");
  AddAdvice(&response);
  response.body = fmt::format(
      R"({{"error":{{"code":{},"message":{},"errors":[{{"message":{},"domain":"global","reason":{}{}}}]}}}})",
      response.status, message, message, JsonQuote(reason), location);
  return response;
}

std::string EscapeXml(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&apos;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' ? '?' : c;
    }
  }
  return out;
}

net::HttpResponse XmlError(const Status& status, bool about_object) {
  net::HttpResponse response;
  response.status = HttpStatusOf(status);
  if (response.status == 304) return response;
  response.headers.Add("Content-Type", "application/xml; charset=UTF-8");
  response.headers.Add("Cache-Control", "private, max-age=0");
  AddAdvice(&response);
  response.body = fmt::format(
      "<?xml version='1.0' encoding='UTF-8'?><Error><Code>{}</Code><Message>{}</Message></Error>",
      XmlCode(status, response.status, about_object),
      EscapeXml(PublicMessage(status, response.status)));
  return response;
}

}  // namespace hodei::wire::gcs
