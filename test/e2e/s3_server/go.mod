module s3server

go 1.22

require github.com/rclone/rclone v1.69.3
