module notification-platform/toolchain/pause

go 1.26.0
