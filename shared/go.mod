module github.com/channelstream/channelstream/shared

go 1.26

