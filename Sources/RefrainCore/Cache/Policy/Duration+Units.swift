extension Duration {
    /// A duration of that many minutes of 60 seconds.
    public static func minutes(_ count: Int) -> Duration { .seconds(count) * 60 }
    /// A duration of that many hours of 60 minutes.
    public static func hours(_ count: Int) -> Duration { .seconds(count) * 3_600 }
    /// A duration of that many days of 24 hours.
    public static func days(_ count: Int) -> Duration { .seconds(count) * 86_400 }
}
