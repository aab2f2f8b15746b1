package com.example;

import java.util.List;
import java.util.Map;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.security.core.Authentication;
import org.springframework.security.core.GrantedAuthority;
import org.springframework.security.oauth2.core.oidc.user.OidcUser;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

@SpringBootApplication
@RestController
public class Site {
    public static void main(String[] arguments) {
        SpringApplication.run(Site.class, arguments);
    }

    @GetMapping("/")
    Map<String, Object> who(Authentication caller) {
        if (caller.getPrincipal() instanceof OidcUser person) {
            return Map.of("name", person.getFullName(), "email", person.getEmail(), "username", person.getPreferredUsername());
        }
        List<String> may = caller.getAuthorities().stream().map(GrantedAuthority::getAuthority).toList();
        return Map.of("subject", caller.getName(), "authorities", may);
    }
}
