#include "domain/jobs/private_google.h"

#include <fmt/format.h>

namespace hodei::jobs {
namespace {

constexpr char kCertificates[] = "/etc/ssl/certs";
constexpr char kBundle[] = "/etc/ssl/certs/ca-certificates.crt";

}  // namespace

std::vector<std::string> PrivateNames() {
  return {"googleapis.com", "google.internal", "metadata", "accounts.google.com",
          "storage.cloud.google.com"};
}

std::vector<exec::Mount> TrustMounts(const std::string& trust_dir, bool bucket_files) {
  std::vector<exec::Mount> mounts = {{trust_dir, kTrustInside, false},
                                     {trust_dir + "/certs", kCertificates, false}};
  if (!bucket_files) mounts.push_back({trust_dir + "/gcs", exec::kBucketFiles, false});
  return mounts;
}

std::map<std::string, std::string> PrivateVariables() {
  std::map<std::string, std::string> variables = {
      // Adds to what Node brings; the others replace.
      {"NODE_EXTRA_CA_CERTS", fmt::format("{}/authority.pem", kTrustInside)},
      {"BOTO_CONFIG", fmt::format("{}/boto.cfg", kTrustInside)},
      {"GCE_METADATA_HOST", "metadata.google.internal"},
      {"GCE_METADATA_IP", exec::kPrivateAddress},
      {"METADATA_SERVER_DETECTION", "assume-present"},
      // The server speaks HTTP/1.1; the libraries that offer gRPC and HTTP take the latter by this.
      {"GOOGLE_CLOUD_DISABLE_GRPC", "true"},
  };
  // Libraries that bring a bundle of their own (certifi, gcloud, gRPC) use the system's by these.
  for (const char* name :
       {"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTPLIB2_CA_CERTS",
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE"}) {
    variables[name] = kBundle;
  }
  return variables;
}

std::string BotoConfig() {
  return fmt::format(
      "[Boto]\nca_certificates_file = {}\nhttps_validate_certificates = True\n"
      "[GoogleCompute]\nservice_account = default\n"
      "[GSUtil]\ncheck_hashes = if_fast_else_fail\nsoftware_update_check_period = 0\n",
      kBundle);
}

std::string NoBucketFilesNote() {
  return "Buckets are not available as files on this machine: the server needs root and /dev/fuse\n"
         "for that. Use gs://BUCKET/OBJECT with TensorFlow (tf.io.gfile), pandas and gcsfs, or\n"
         "google-cloud-storage; they need no setting.\n";
}

}  // namespace hodei::jobs
