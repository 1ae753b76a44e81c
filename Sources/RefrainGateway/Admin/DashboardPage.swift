import Refrain
import RefrainCore

/// The dashboard: one page without anything from elsewhere, which asks the admin API for what it shows.
enum DashboardPage {
    static let answer = AdminRoute.Answer(
        "text/html; charset=utf-8",
        headers: [
            // Nothing from elsewhere, and in no page of anybody else's.
            HTTPHeader(
                "content-security-policy",
                "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
                    + "img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
            HTTPHeader("x-content-type-options", "nosniff"), HTTPHeader("referrer-policy", "no-referrer"),
        ],
        body: PackageResources.dashboard_html)
}
