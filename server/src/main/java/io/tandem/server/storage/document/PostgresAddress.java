package io.tandem.server.storage.document;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.Optional;
import java.util.Properties;

/**
 * Where a database is, as {@code postgresql://user@host:port/name?option=value} with the options of PostgreSQL's JDBC
 * driver, such as {@code sslmode} and {@code currentSchema}.
 */
public final class PostgresAddress {
    private static final String PASSWORD = "password";
    private static final int CONNECTIONS = 4;
    private static final long CONNECT_MILLIS = 3000;
    private static final int SILENCE_SECONDS = 30;

    private final URI uri;
    private final Properties properties = new Properties();

    /**
     * @param password empty if it needs none, or the address has it
     * @throws IllegalArgumentException if the address is none
     */
    public PostgresAddress(String address, Optional<String> password) {
        try {
            uri = new URI(address.replaceFirst("^postgres://", "postgresql://"));
        } catch (URISyntaxException e) {
            throw new IllegalArgumentException("not an address of a database: " + e.getReason(), e);
        }
        if (!"postgresql".equals(uri.getScheme())
                || uri.getHost() == null
                || uri.getPath().length() < 2) {
            throw new IllegalArgumentException("expected postgresql://user@host:5432/name");
        }
        properties.setProperty("connectTimeout", String.valueOf(CONNECT_MILLIS / 1000));
        properties.setProperty("socketTimeout", String.valueOf(SILENCE_SECONDS));
        properties.setProperty("tcpKeepAlive", "true");
        properties.setProperty("ApplicationName", "tandem");
        Optional.ofNullable(uri.getRawUserInfo()).ifPresent(user -> {
            String[] parts = user.split(":", 2);
            properties.setProperty("user", decoded(parts[0]));
            if (parts.length > 1) {
                properties.setProperty(PASSWORD, decoded(parts[1]));
            }
        });
        password.ifPresent(secret -> properties.setProperty(PASSWORD, secret));
    }

    private static String decoded(String text) {
        return URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
    }

    private String url() {
        String query = uri.getRawQuery() == null ? "" : "?" + uri.getRawQuery();
        int port = uri.getPort() < 0 ? 5432 : uri.getPort();
        return "jdbc:postgresql://" + uri.getHost() + ":" + port + uri.getRawPath() + query;
    }

    /** A connection that stays with whoever asks. It notices within half a minute that it is cut off. */
    Connection connect() throws SQLException {
        Connection connection = DriverManager.getConnection(url(), properties);
        try (var keep = connection.createStatement()) {
            // Then PostgreSQL lets go of the lock too.
            keep.execute("SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3");
        }
        return connection;
    }

    /** A few connections, made when they are wanted. */
    HikariDataSource pool() {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(url());
        config.setDataSourceProperties(properties);
        config.setMaximumPoolSize(CONNECTIONS);
        config.setMinimumIdle(1);
        config.setConnectionTimeout(CONNECT_MILLIS);
        config.setValidationTimeout(CONNECT_MILLIS / 2);
        config.setAutoCommit(false);
        // Whatever the database does for others, what is acknowledged here is on its disk.
        config.setConnectionInitSql("SELECT set_config('synchronous_commit', 'on', false)"
                + " WHERE current_setting('synchronous_commit') = 'off'");
        config.setInitializationFailTimeout(-1);
        config.setPoolName("documents");
        return new HikariDataSource(config);
    }

    /** Without the password. */
    @Override
    public String toString() {
        return uri.getHost() + uri.getPath();
    }
}
