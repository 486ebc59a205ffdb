#include "domain/jobs/job_filter.h"

#include <fmt/format.h>

namespace hodei::jobs {
namespace {

using google::cloud::ml::v1::Job;

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

Status Wrong(std::string_view what) { return InvalidField("filter", std::string(what)); }

// Cuts words off the front of a filter.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) { SkipSpace(); }
  bool done() const { return text_.empty(); }

  // A keyword that stands alone.
  bool Take(std::string_view keyword) {
    if (!text_.starts_with(keyword)) return false;
    if (text_.size() > keyword.size() && !IsSpace(text_[keyword.size()])) return false;
    text_.remove_prefix(keyword.size());
    SkipSpace();
    return true;
  }

  // Up to ':' or '='.
  Result<std::string> Field() {
    const size_t end = text_.find_first_of(":= \t\n\r\"");
    if (end == std::string_view::npos || end == 0 || (text_[end] != ':' && text_[end] != '=')) {
      return Wrong("Expected FIELD:VALUE.");
    }
    std::string field(text_.substr(0, end));
    text_.remove_prefix(end + 1);
    return field;
  }

  Result<std::string> Value(bool* quoted) {
    *quoted = !text_.empty() && text_[0] == '"';
    return *quoted ? Quoted() : Word();
  }

 private:
  void SkipSpace() {
    while (!text_.empty() && IsSpace(text_[0])) text_.remove_prefix(1);
  }

  Result<std::string> Word() {
    size_t end = 0;
    while (end < text_.size() && !IsSpace(text_[end])) ++end;
    if (end == 0) return Wrong("A value is missing.");
    std::string word(text_.substr(0, end));
    if (word.find_first_of("\"()") != std::string::npos) {
      return Wrong("Quotes and parentheses must not stand inside a value.");
    }
    text_.remove_prefix(end);
    SkipSpace();
    return word;
  }

  Result<std::string> Quoted() {
    std::string value;
    for (size_t i = 1; i < text_.size(); ++i) {
      if (text_[i] == '\\' && i + 1 < text_.size()) {
        value += text_[++i];
      } else if (text_[i] == '"') {
        text_.remove_prefix(i + 1);
        if (!text_.empty() && !IsSpace(text_[0])) return Wrong("Expected a space after a quote.");
        SkipSpace();
        return value;
      } else {
        value += text_[i];
      }
    }
    return Wrong("A quote is not closed.");
  }

  std::string_view text_;
};

}  // namespace

Result<JobFilter> JobFilter::Parse(std::string_view text) {
  if (text.size() > kJobFilterMaxBytes) {
    return Wrong(fmt::format("Must not be longer than {} bytes.", kJobFilterMaxBytes));
  }
  JobFilter filter;
  Reader reader(text);
  bool more = !reader.done();
  while (more) {
    if (filter.terms_.size() == kJobFilterMaxTerms) {
      return Wrong(fmt::format("Must not have more than {} terms.", kJobFilterMaxTerms));
    }
    const bool negated = reader.Take("NOT");
    ASSIGN_OR_RETURN(const std::string field, reader.Field());
    bool quoted = false;
    ASSIGN_OR_RETURN(std::string value, reader.Value(&quoted));
    ASSIGN_OR_RETURN(Term term, ParseTerm(field, std::move(value), quoted));
    term.negated = negated;
    filter.terms_.push_back(std::move(term));
    more = reader.Take("AND");
  }
  if (!reader.done()) return Wrong("Terms must be joined by AND.");
  return filter;
}

Result<JobFilter::Term> JobFilter::ParseTerm(std::string_view field, std::string value,
                                             bool quoted) {
  Term term;
  constexpr std::string_view kLabels = "labels.";
  if (field == "jobId" || field == "job_id") {
    term.field = Term::Field::kJobId;
  } else if (field == "state") {
    term.field = Term::Field::kState;
  } else if (field.starts_with(kLabels) && field.size() > kLabels.size()) {
    term.field = Term::Field::kLabel;
    term.key = field.substr(kLabels.size());
  } else {
    return Wrong("Jobs can be filtered by jobId, state and labels.KEY.");
  }
  if (!quoted && value.ends_with('*')) {
    term.prefix = true;
    value.pop_back();
  }
  if (value.find('*') != std::string::npos && !quoted) {
    return Wrong("A '*' may stand at the end of a value only.");
  }
  Job::State state;
  if (term.field == Term::Field::kState && !term.prefix && !Job::State_Parse(value, &state)) {
    return Wrong("The state is unknown.");
  }
  term.value = std::move(value);
  return term;
}

bool JobFilter::Matches(const Term& term, const Job& job) {
  std::string value;
  switch (term.field) {
    case Term::Field::kJobId:
      value = job.job_id();
      break;
    case Term::Field::kState:
      value = Job::State_Name(job.state());
      break;
    case Term::Field::kLabel: {
      const auto label = job.labels().find(term.key);
      if (label == job.labels().end()) return false;
      value = label->second;
    }
  }
  return term.prefix ? value.starts_with(term.value) : value == term.value;
}

bool JobFilter::Matches(const Job& job) const {
  for (const Term& term : terms_) {
    if (Matches(term, job) == term.negated) return false;
  }
  return true;
}

}  // namespace hodei::jobs
