/** The operator's own name: of its Deployment, ServiceAccount, roles and lease. One is installed in a cluster. */
export const OPERATOR = "certferry-operator";
export const ACCOUNTS_ROLE = "certferry-operator-accounts";
export const HEALTH_PORT = 8081;
export const METRICS_PORT = 8080;
/** The web console's own name. */
export const CONSOLE = "certferry-console";
export const CONSOLE_PORT = 8090;
/** The images' user; distroless calls it nonroot. */
export const USER = 65_532;
export const RBAC = "rbac.authorization.k8s.io";
