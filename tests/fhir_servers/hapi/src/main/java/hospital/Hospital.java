package hospital;

import ca.uhn.fhir.batch2.api.IJobMaintenanceService;
import ca.uhn.fhir.batch2.jobs.export.BulkDataExportProvider;
import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.interceptor.api.Hook;
import ca.uhn.fhir.interceptor.api.Interceptor;
import ca.uhn.fhir.interceptor.api.Pointcut;
import ca.uhn.fhir.jpa.api.config.JpaStorageSettings;
import ca.uhn.fhir.jpa.provider.JpaSystemProvider;
import ca.uhn.fhir.jpa.search.DatabaseBackedPagingProvider;
import ca.uhn.fhir.jpa.test.config.TestR4Config;
import ca.uhn.fhir.rest.api.server.RequestDetails;
import ca.uhn.fhir.rest.server.HardcodedServerAddressStrategy;
import ca.uhn.fhir.rest.server.RestfulServer;
import ca.uhn.fhir.rest.server.exceptions.AuthenticationException;
import ca.uhn.fhir.rest.server.provider.ResourceProviderFactory;
import java.net.InetSocketAddress;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;

/**
 * A hospital's FHIR R4 server: HAPI's JPA server over H2 in memory, behind a bearer token. It ends when its standard input does.
 *
 * <p>Arguments: port, token. The same records stand at /fhir and, in pages of 5 at most, at /paged. Both have $export.
 */
public final class Hospital {
    private Hospital() {}

    /** Serve until standard input ends. */
    public static void main(String[] arguments) throws Exception {
        int port = Integer.parseInt(arguments[0]);
        var spring = new AnnotationConfigApplicationContext(TestR4Config.class);
        // A record is loaded in one go, its references to practitioners and places with it.
        spring.getBean(JpaStorageSettings.class).setEnforceReferentialIntegrityOnWrite(false);
        var handler = new ServletContextHandler();
        for (var mount : Map.of("/fhir", 500, "/paged", 5).entrySet()) {
            var rest = new RestfulServer(spring.getBean(FhirContext.class));
            rest.registerProviders(spring.getBean("myResourceProvidersR4", ResourceProviderFactory.class).createProviders());
            rest.registerProvider(spring.getBean(JpaSystemProvider.class));
            rest.registerProvider(spring.getBean(BulkDataExportProvider.class));
            var pages = spring.getAutowireCapableBeanFactory().createBean(DatabaseBackedPagingProvider.class);
            pages.setDefaultPageSize(mount.getValue());
            pages.setMaximumPageSize(mount.getValue());
            rest.setPagingProvider(pages);
            rest.setServerAddressStrategy(new HardcodedServerAddressStrategy("http://127.0.0.1:" + port + mount.getKey()));
            rest.registerInterceptor(new Bearer("Bearer " + arguments[1]));
            handler.addServlet(new ServletHolder(rest), mount.getKey() + "/*");
        }
        var jetty = new Server(new InetSocketAddress("127.0.0.1", port));
        jetty.setHandler(handler);
        jetty.start();
        // HAPI's test configuration has no scheduler; a bulk export goes from step to step only when one looks after it.
        var jobs = spring.getBean(IJobMaintenanceService.class);
        Executors.newSingleThreadScheduledExecutor().scheduleWithFixedDelay(() -> {
            try {
                jobs.runMaintenancePass();
            } catch (RuntimeException fault) {
                System.err.println(fault);
            }
        }, 1, 1, TimeUnit.SECONDS);
        System.out.println("ready");
        while (System.in.read() >= 0) {
            // only its end is of interest
        }
        Runtime.getRuntime().halt(0);
    }

    /** Nobody is answered without the token. */
    @Interceptor
    public record Bearer(String wanted) {
        /** 401, before anything is looked at. */
        @Hook(Pointcut.SERVER_INCOMING_REQUEST_PRE_HANDLED)
        public void check(RequestDetails request) {
            if (!wanted.equals(request.getHeader("Authorization"))) {
                throw new AuthenticationException("no token, or another one");
            }
        }
    }
}
