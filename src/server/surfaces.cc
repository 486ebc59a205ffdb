#include "server/surfaces.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "domain/access/accounts.h"
#include "domain/access/hmac_keys.h"
#include "domain/access/job_peer.h"
#include "domain/access/key_file.h"
#include "domain/access/owner.h"
#include "domain/access/signature_keys.h"
#include "domain/jobs/job_table.h"
#include "google/cloud/ml/v1/job.pb.h"
#include "google/cloud/ml/v1/location.pb.h"
#include "google/cloud/resourcemanager/v1/projects.pb.h"
#include "google/logging/v2/logging.pb.h"
#include "server/bind_iam.h"
#include "server/bind_models.h"
#include "service/iam_service.h"
#include "service/job_service.h"
#include "service/location_service.h"
#include "service/logging_service.h"
#include "service/policy_service.h"
#include "service/project_service.h"
#include "service/token_service.h"
#include "wire/gcs/gcs_api.h"
#include "wire/metadata/metadata_api.h"
#include "wire/rest/api_services.h"
#include "wire/rest/follow_api.h"
#include "wire/rest/log_follow.h"
#include "wire/rest/predict_api.h"
#include "wire/rest/transcoder.h"

namespace hodei::server {
namespace {

namespace ml = google::cloud::ml::v1;
namespace rm = google::cloud::resourcemanager::v1;
namespace v2 = google::logging::v2;
namespace iam = google::iam::v1;
using service::CallContext;
using wire::rest::Transcoder;

void LogError(const wire::rest::CallRecord& record) {
  // A caller's own mistakes are no news to the operator.
  const bool ours =
      HttpStatus(record.status.code()) >= 500 && record.status.code() != Code::kUnimplemented;
  spdlog::log(ours ? spdlog::level::err : spdlog::level::debug, "{} {} {}: {}", record.request_id,
              record.method, record.principal, record.status.ToString());
}

void BindJobs(service::JobService* jobs, service::PolicyService* policies, Transcoder* transcoder) {
  const std::string prefix = "google.cloud.ml.v1.JobService.";
  transcoder->Bind<ml::CreateJobRequest, ml::Job>(
      prefix + "CreateJob", [jobs](const CallContext& call, const ml::CreateJobRequest& request) {
        return jobs->CreateJob(call, request);
      });
  transcoder->Bind<ml::ListJobsRequest, ml::ListJobsResponse>(
      prefix + "ListJobs", [jobs](const CallContext& call, const ml::ListJobsRequest& request) {
        return jobs->ListJobs(call, request);
      });
  transcoder->Bind<ml::GetJobRequest, ml::Job>(
      prefix + "GetJob",
      [jobs](const CallContext& call, const ml::GetJobRequest& request) {
        return jobs->GetJob(call, request);
      },
      Transcoder::Where::kInline);
  transcoder->Bind<ml::UpdateJobRequest, ml::Job>(
      prefix + "UpdateJob", [jobs](const CallContext& call, const ml::UpdateJobRequest& request) {
        return jobs->UpdateJob(call, request);
      });
  transcoder->Bind<ml::CancelJobRequest, google::protobuf::Empty>(
      prefix + "CancelJob", [jobs](const CallContext& call, const ml::CancelJobRequest& request) {
        return jobs->CancelJob(call, request);
      });
  transcoder->Bind<iam::GetIamPolicyRequest, iam::Policy>(
      prefix + "GetJobIamPolicy",
      [policies](const CallContext& call, const iam::GetIamPolicyRequest& request) {
        return policies->GetIamPolicy(call, request);
      });
  transcoder->Bind<iam::SetIamPolicyRequest, iam::Policy>(
      prefix + "SetJobIamPolicy",
      [policies](const CallContext& call, const iam::SetIamPolicyRequest& request) {
        return policies->SetIamPolicy(call, request);
      });
  transcoder->Bind<iam::TestIamPermissionsRequest, iam::TestIamPermissionsResponse>(
      prefix + "TestJobIamPermissions",
      [policies](const CallContext& call, const iam::TestIamPermissionsRequest& request) {
        return policies->TestIamPermissions(call, request);
      });
  transcoder->Bind<hodei::v1::ExplainJobRequest, hodei::v1::JobExplanation>(
      "hodei.v1.JobInsight.ExplainJob",
      [jobs](const CallContext& call, const hodei::v1::ExplainJobRequest& request) {
        return jobs->ExplainJob(call, request);
      });
}

void BindLocations(service::LocationService* locations, Transcoder* transcoder) {
  transcoder->Bind<ml::ListLocationsRequest, ml::ListLocationsResponse>(
      "google.cloud.ml.v1.LocationService.ListLocations",
      [locations](const CallContext& call, const ml::ListLocationsRequest& request) {
        return locations->ListLocations(call, request);
      });
  transcoder->Bind<ml::GetLocationRequest, ml::Location>(
      "google.cloud.ml.v1.LocationService.GetLocation",
      [locations](const CallContext& call, const ml::GetLocationRequest& request) {
        return locations->GetLocation(call, request);
      });
}

void BindProjects(service::ProjectService* projects, Transcoder* transcoder) {
  const std::string prefix = "google.cloud.resourcemanager.v1.ProjectService.";
  transcoder->Bind<rm::ListProjectsRequest, rm::ListProjectsResponse>(
      prefix + "ListProjects",
      [projects](const CallContext& call, const rm::ListProjectsRequest& request) {
        return projects->ListProjects(call, request);
      });
  transcoder->Bind<rm::GetProjectRequest, rm::Project>(
      prefix + "GetProject",
      [projects](const CallContext& call, const rm::GetProjectRequest& request) {
        return projects->GetProject(call, request);
      });
  transcoder->Bind<rm::Project, google::longrunning::Operation>(
      prefix + "CreateProject", [projects](const CallContext& call, const rm::Project& request) {
        return projects->CreateProject(call, request);
      });
  transcoder->Bind<rm::UpdateProjectRequest, rm::Project>(
      prefix + "UpdateProject",
      [projects](const CallContext& call, const rm::UpdateProjectRequest& request) {
        return projects->UpdateProject(call, request);
      });
  transcoder->Bind<rm::DeleteProjectRequest, google::protobuf::Empty>(
      prefix + "DeleteProject",
      [projects](const CallContext& call, const rm::DeleteProjectRequest& request) {
        return projects->DeleteProject(call, request);
      });
  transcoder->Bind<iam::GetIamPolicyRequest, iam::Policy>(
      prefix + "GetProjectIamPolicy",
      [projects](const CallContext& call, const iam::GetIamPolicyRequest& request) {
        return projects->GetIamPolicy(call, request);
      });
  transcoder->Bind<iam::SetIamPolicyRequest, iam::Policy>(
      prefix + "SetProjectIamPolicy",
      [projects](const CallContext& call, const iam::SetIamPolicyRequest& request) {
        return projects->SetIamPolicy(call, request);
      });
  transcoder->Bind<iam::TestIamPermissionsRequest, iam::TestIamPermissionsResponse>(
      prefix + "TestProjectIamPermissions",
      [projects](const CallContext& call, const iam::TestIamPermissionsRequest& request) {
        return projects->TestIamPermissions(call, request);
      });
  transcoder->Bind<ml::GetConfigRequest, ml::GetConfigResponse>(
      "google.cloud.ml.v1.ConfigService.GetConfig",
      [projects](const CallContext& call, const ml::GetConfigRequest& request) {
        return projects->GetConfig(call, request);
      });
}

void BindLogging(service::LoggingService* logging, Transcoder* transcoder) {
  transcoder->Bind<v2::ListLogEntriesRequest, v2::ListLogEntriesResponse>(
      "google.logging.v2.LoggingService.ListLogEntries",
      [logging](const CallContext& call, const v2::ListLogEntriesRequest& request) {
        return logging->ListLogEntries(call, request);
      });
  transcoder->Bind<v2::ListLogsRequest, v2::ListLogsResponse>(
      "google.logging.v2.LoggingService.ListLogs",
      [logging](const CallContext& call, const v2::ListLogsRequest& request) {
        return logging->ListLogs(call, request);
      });
}

std::vector<std::string> VirtualHostBases(std::vector<std::string> public_names) {
  public_names.push_back("storage.googleapis.com");
  public_names.push_back("localhost");
  return public_names;
}

Result<wire::rest::FollowedJob> StateOf(const jobs::JobTable& table, const std::string& name) {
  ASSIGN_OR_RETURN(const jobs::StoredJob stored, table.Get(name));
  const ml::Job::State state = jobs::JobOf(stored).state();
  return wire::rest::FollowedJob{ml::Job::State_Name(state), jobs::IsTerminal(state)};
}

Result<wire::metadata::JobDescription> DescribeJob(const jobs::JobTable& table,
                                                   access::Projects* projects,
                                                   const std::string& name) {
  ASSIGN_OR_RETURN(const jobs::StoredJob stored, table.Get(name));
  const auto project = projects->Get(stored.record.project());
  // The emulator runs jobs of projects that nobody made.
  if (!project.ok() && project.status().code() != Code::kNotFound) return project.status();
  return wire::metadata::JobDescription{
      .project = stored.record.project(),
      .project_number = project.ok() ? project->project_number() : 0,
      .job_id = stored.record.job().job_id(),
      .region = stored.record.job().training_input().region()};
}

// Through the private names, Cloud Storage's hosts have every path: a bucket may be called "v1".
bool IsStorageHost(const net::RequestHead& head) {
  if (!access::JobPeerOf(head.peer.socket_label).private_names) return false;
  const std::string_view host = std::string_view(head.host).substr(0, head.host.rfind(':'));
  return host == "storage.googleapis.com" || host.ends_with(".storage.googleapis.com") ||
         host == "storage.cloud.google.com" || host == "commondatastorage.googleapis.com";
}

}  // namespace

struct Surfaces::Wired {
  explicit Wired(const Parts& parts)
      : health(parts.health),
        tokens(parts.meta, parts.clock),
        projects(parts.meta, parts.clock, parts.authorizer),
        policies(parts.meta, parts.authorizer),
        accounts(parts.meta, parts.clock, parts.authorizer,
                 access::ServiceAccountEmail(access::kOwnerAccountId, "hodei-local")),
        locations({}, parts.page_tokens),
        logging(parts.logs, parts.authorizer),
        transcoder(wire::rest::ApiServices(), parts.authenticator, parts.authorizer,
                   {.on_error = LogError}),
        job_table(parts.meta),
        follow(std::make_unique<wire::rest::LogFollow>(
            parts.logs, parts.meta, jobs::kJobKind,
            [this](const std::string& name) { return StateOf(job_table, name); })),
        follow_api(follow.get(), parts.authenticator, parts.authorizer),
        signature_keys(parts.meta),
        hmac_keys(parts.meta, parts.clock),
        metadata(parts.job_tokens,
                 [this, projects = parts.projects](const std::string& name) {
                   return DescribeJob(job_table, projects, name);
                 }),
        predict_api(parts.serving->predictions(), parts.authenticator, parts.clock),
        gcs({.store = parts.objects,
             .authenticator = parts.authenticator,
             .authorizer = parts.authorizer,
             .signature_keys = &signature_keys,
             .hmac_keys = &hmac_keys,
             .clock = parts.clock,
             .virtual_host_bases = VirtualHostBases(parts.public_names),
             .project_number = {}}) {
    BindJobs(parts.training->jobs(), &policies, &transcoder);
    BindModels(parts.serving, &policies, &transcoder);
    BindLocations(&locations, &transcoder);
    BindProjects(&projects, &transcoder);
    BindIam(&accounts, &transcoder);
    BindLogging(&logging, &transcoder);
  }

  const Health* health;
  service::TokenService tokens;
  service::ProjectService projects;
  service::PolicyService policies;
  service::IamService accounts;
  service::LocationService locations;
  service::LoggingService logging;
  Transcoder transcoder;
  jobs::JobTable job_table;
  std::unique_ptr<wire::rest::LogFollow> follow;
  wire::rest::FollowApi follow_api;
  access::SignatureKeys signature_keys;
  access::HmacKeys hmac_keys;
  wire::metadata::MetadataApi metadata;
  wire::rest::PredictApi predict_api;
  wire::gcs::GcsApi gcs;
};

Surfaces::Surfaces(const Parts& parts) : wired_(std::make_unique<Wired>(parts)) {}
Surfaces::~Surfaces() = default;

std::vector<Surface> Surfaces::All() const {
  Wired* w = wired_.get();
  return {
      {wire::metadata::MetadataApi::Owns,
       [w](const net::RequestHead& head) { return w->metadata.Start(head); }},
      {IsStorageHost, [w](const net::RequestHead& head) { return w->gcs.Start(head); }},
      HealthSurface(w->health),
      {[](const net::RequestHead& head) { return service::TokenService::Owns(head.path()); },
       [w](const net::RequestHead& head) { return w->tokens.Start(head); }},
      {wire::rest::FollowApi::Owns,
       [w](const net::RequestHead& head) { return w->follow_api.Start(head); }},
      {wire::rest::PredictApi::Owns,
       [w](const net::RequestHead& head) { return w->predict_api.Start(head); }},
      {[w](const net::RequestHead& head) { return w->gcs.Owns(head); },
       [w](const net::RequestHead& head) { return w->gcs.Start(head); }},
      {[w](const net::RequestHead& head) { return w->transcoder.Owns(head.path()); },
       [w](const net::RequestHead& head) { return w->transcoder.Start(head); }},
      {[](const net::RequestHead&) { return true; },
       [w](const net::RequestHead& head) { return w->gcs.Start(head); }},
  };
}

std::vector<std::string> Surfaces::UnboundMethods() const {
  return wired_->transcoder.UnboundMethods();
}

void Surfaces::SetTokenUris(std::vector<std::string> token_uris) {
  // Key files made from now on lead to the first of them.
  std::string url = token_uris.empty() ? "" : token_uris.front();
  if (url.ends_with(access::kTokenPath)) {
    url.resize(url.size() - std::string_view(access::kTokenPath).size());
  }
  wired_->accounts.SetServerUrl(std::move(url));
  wired_->tokens.SetTokenUris(std::move(token_uris));
}

void Surfaces::EndStreams() { wired_->follow->EndAll(); }

}  // namespace hodei::server
