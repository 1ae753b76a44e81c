import Testing

@testable import RefrainRedis

@Suite("RedisConfiguration")
struct RedisConfigurationTests {
    private static func kind(_ url: String) throws -> RedisConfiguration.Address.Kind {
        try RedisConfiguration(url: url).address.kind
    }

    // MARK: What is read

    @Test("The defaults are those that are documented")
    func defaults() throws {
        let redis = try RedisConfiguration(url: "redis://cache")
        #expect(redis.address == .tcp(host: "cache", port: 6379))
        #expect(redis.tls == nil && redis.username == nil && redis.password == nil)
        #expect(redis.database == 0 && redis.clientName == "refrain" && redis.connections == 2)
        #expect(redis.connectTimeout == .seconds(1) && redis.commandTimeout == .seconds(1))
        #expect(redis.reconnectDelay == .milliseconds(50) ... .seconds(5))
        #expect(redis.maximumOutstandingBytes == 64 << 20)
    }

    @Test("Hosts and ports")
    func addresses() throws {
        #expect(try Self.kind("redis://cache.example:7000") == .tcp(host: "cache.example", port: 7000))
        #expect(try Self.kind("REDIS://127.0.0.1:1/") == .tcp(host: "127.0.0.1", port: 1))
        #expect(try Self.kind("redis://[::1]") == .tcp(host: "::1", port: 6379))
        #expect(try Self.kind("redis://user:pw@[2001:db8::2]:65535/1") == .tcp(host: "2001:db8::2", port: 65535))
        #expect(try Self.kind("redis://[fe80::1%25eth0]:6379") == .tcp(host: "fe80::1%eth0", port: 6379))
        #expect(try Self.kind("redis://my%2Dhost") == .tcp(host: "my-host", port: 6379))
        #expect("\(RedisConfiguration.Address.tcp(host: "::1", port: 5))" == "[::1]:5")
        #expect("\(RedisConfiguration.Address.tcp(host: "h"))" == "h:6379")
    }

    @Test(
        "User names and passwords",
        arguments: [
            ("redis://h", nil, nil), ("redis://@h", nil, nil), ("redis://:@h", nil, nil), ("redis://:pw@h", nil, "pw"),
            ("redis://user:pw@h", "user", "pw"), ("redis://user@h", "user", nil), ("redis://u:a:b@h", "u", "a:b"),
            ("redis://u%3A%40:p%2F%3F%23%25%40%3a@h", "u:@", "p/?#%@:"), ("redis://:%C3%A9+%20@h", nil, "é+ "),
        ] as [(String, String?, String?)])
    func credentials(_ url: String, username: String?, password: String?) throws {
        let redis = try RedisConfiguration(url: url)
        #expect(redis.username == username)
        #expect(redis.password == password)
        #expect(redis.address == .tcp(host: "h"))
    }

    @Test("Databases, in the path or as a parameter")
    func databases() throws {
        #expect(try RedisConfiguration(url: "redis://h/").database == 0)
        #expect(try RedisConfiguration(url: "redis://h/12").database == 12)
        #expect(try RedisConfiguration(url: "redis://h?db=3").database == 3)
        #expect(try RedisConfiguration(url: "redis://h/?db=3").database == 3)
        #expect(try RedisConfiguration(url: "unix:///s?db=3").database == 3)
    }

    @Test("Sockets")
    func sockets() throws {
        #expect(try Self.kind("unix:///run/redis.sock") == .unix(path: "/run/redis.sock"))
        #expect(try Self.kind("redis+unix:///a%20b%3F") == .unix(path: "/a b?"))
        let redis = try RedisConfiguration(url: "unix://user:pw@/s?client-name=x")
        #expect(redis.address == .unix(path: "/s"))
        #expect(redis.username == "user" && redis.password == "pw" && redis.clientName == "x")
    }

    @Test("TLS and its parameters")
    func tls() throws {
        #expect(try RedisConfiguration(url: "rediss://h").tls == .init())
        let redis = try RedisConfiguration(
            url: "rediss://h:1/2?ca=/ca.pem&cert=%2Fcert.pem&key=k.pem&server-name=redis.example&client-name=")
        #expect(
            redis.tls
                == .init(
                    certificateAuthorityFile: "/ca.pem", certificateFile: "/cert.pem", privateKeyFile: "k.pem",
                    serverName: "redis.example"))
        #expect(redis.clientName == "" && redis.database == 2)
    }

    // MARK: What is refused

    @Test(
        "What cannot be right is refused with its code",
        arguments: [
            ("", "invalid-scheme"), ("localhost:6379", "invalid-scheme"), ("http://h", "invalid-scheme"),
            ("redis:/h", "invalid-scheme"), ("redis+ssl://h", "invalid-scheme"),
            ("redis://", "invalid-address"), ("redis:///1", "invalid-address"), ("redis://:6379", "invalid-address"),
            ("redis://[::1", "invalid-address"), ("redis://[h]", "invalid-address"), ("redis://[]", "invalid-address"),
            ("unix://", "invalid-address"), ("unix:///", "invalid-address"),
            ("unix://run/redis.sock", "invalid-address"),
            ("unix:///a%00b", "invalid-address"), ("redis://a%00b", "invalid-address"),
            ("redis://a%20b", "invalid-address"),
            ("redis://h:", "invalid-port"), ("redis://h:0", "invalid-port"), ("redis://h:65536", "invalid-port"),
            ("redis://h:x", "invalid-port"), ("redis://h:-1", "invalid-port"), ("redis://h:+1", "invalid-port"),
            ("redis://h:1:2", "invalid-port"), ("redis://[::1]6379", "invalid-port"),
            ("redis://::1", "invalid-address"),
            ("redis://h/x", "invalid-database"), ("redis://h/-1", "invalid-database"),
            ("redis://h/1/2", "invalid-database"),
            ("redis://h/99999999999999999999", "invalid-database"), ("redis://h?db=x", "invalid-database"),
            ("redis://h/1?db=1", "invalid-database"), ("redis://h?db=", "invalid-parameter"),
            ("redis://h?nope=1", "invalid-parameter"), ("redis://h?DB=1", "invalid-parameter"),
            ("redis://h?db=1&db=1", "invalid-parameter"), ("redis://h?ca=/x", "invalid-parameter"),
            ("unix:///s?server-name=x", "invalid-parameter"), ("rediss://h?cert=/x", "invalid-parameter"),
            ("rediss://h?key=/x", "invalid-parameter"), ("rediss://h?ca=", "invalid-parameter"),
            ("rediss://h?ca", "invalid-parameter"), ("redis://h?client-name=a%20b", "invalid-parameter"),
            ("redis://h?client-name=a%0Ab", "invalid-parameter"),
            ("redis://h#1", "invalid-url"), ("redis://h %", "invalid-url"), ("redis://é", "invalid-url"),
            ("redis://h%", "invalid-url"), ("redis://h%4", "invalid-url"), ("redis://h%zz", "invalid-url"),
            ("redis://:%FF@h", "invalid-url"), ("redis://h\n", "invalid-url"),
        ])
    func refusals(_ url: String, code: String) {
        #expect {
            try RedisConfiguration(url: url)
        } throws: { error in
            (error as? RedisConfigurationError)?.code.description == code
        }
    }

    @Test("An unknown parameter is named")
    func unknownParameter() {
        #expect {
            try RedisConfiguration(url: "redis://h?timeout=1")
        } throws: { error in
            "\(error)" == "invalid-parameter: unknown parameter timeout"
        }
    }

    // MARK: The password

    @Test(
        "No error repeats what may be a part of a password",
        arguments: [
            "redis://:hunter2@h:x", "redis://:hun/ter2@h", "redis://:hun?ter2=1@h", "redis://:hun#ter2@h",
            "redis://:hun@ter2@h", "redis://:hunter2%@h", "redis://:hunter2@h/x", "redis://:hunter2@h?nope",
            "redis://u:hunter2@", "hunter2", "redis://:hunter2@h:6379?HUNTER2", "redis://:hunter2/x?ter2",
            "unix://:hunter2@h/s",
        ])
    func passwordInErrors(_ url: String) {
        #expect {
            try RedisConfiguration(url: url)
        } throws: { error in
            let text = "\(error) \(String(reflecting: error))".lowercased()
            return !text.contains("hun") && !text.contains("ter2")
        }
    }

    @Test("No description, reflection or dump shows the password")
    func passwordInDescriptions() throws {
        let redis = try RedisConfiguration(url: "rediss://user:hunter2@h/3")
        var dumped = ""
        dump(redis, to: &dumped)
        dump([redis] as [RedisConfiguration?], to: &dumped)
        let texts = ["\(redis)", String(reflecting: redis), "\([redis])", "\(Optional(redis) as Any)", dumped]
        for text in texts { #expect(!text.contains("hunter2")) }
        #expect("\(redis)" == "redis over TLS at h:6379, user user, with a password, database 3")
    }
}
