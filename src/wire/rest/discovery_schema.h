// Message types as the schemas of a discovery document.
#pragma once

#include <google/protobuf/struct.pb.h>

#include <string>

namespace google::protobuf {
class Descriptor;
class FieldDescriptor;
}  // namespace google::protobuf

namespace hodei::wire::rest {

// True for fields whose JSON form is an object of the type's own fields.
bool IsPlainMessage(const google::protobuf::FieldDescriptor& field);

// Adds type, format and enum values of one value of `field`, which is no plain message.
void DescribeScalar(const google::protobuf::FieldDescriptor& field, google::protobuf::Struct* out);

// Collects schemas with everything that they refer to.
class SchemaSet {
 public:
  // Adds the type and returns its name: google.cloud.ml.v1.Job is GoogleCloudMlV1__Job, the nested
  // HyperparameterOutput.HyperparameterMetric
  // GoogleCloudMlV1_HyperparameterOutput_HyperparameterMetric.
  std::string Add(const google::protobuf::Descriptor& type);
  google::protobuf::Struct Take() { return std::move(schemas_); }

 private:
  void DescribeField(const google::protobuf::FieldDescriptor& field, google::protobuf::Struct* out);
  void DescribeValue(const google::protobuf::FieldDescriptor& field, google::protobuf::Struct* out);

  google::protobuf::Struct schemas_;
};

}  // namespace hodei::wire::rest
